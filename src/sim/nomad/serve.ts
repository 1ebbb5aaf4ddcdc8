import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { gzipSync } from "node:zlib"
import type { AddressInfo } from "node:net"
import type { Answer, ApiRequest } from "./Http.ts"

/** Requests above this are refused before they are parsed; Nomad has no such limit, and no job is near it. */
const largestBody = 16 * 1024 * 1024
/** Below this Nomad does not bother to compress, and its answers carry a length. */
const smallest = 512

/** A TCP address, or the path of a unix socket. */
type Address = { readonly host: string; readonly port: number } | { readonly socket: string }

/**
 * Serves `answer` over HTTP/1.1 until the scope is closed; the answer is the port. `undefined` as an answer
 * cuts the connection. A request whose client went away is interrupted.
 */
export const serve = (
  options: Address,
  answer: (request: ApiRequest) => Effect.Effect<Answer | undefined>
): Effect.Effect<number, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const services = yield* Effect.context()
    const server = createServer((request, response) => {
      collect(request).then(
        (body) => {
          const fiber = Effect.runForkWith(services)(
            Effect.suspend(() => answer(parse(request, body))).pipe(
              Effect.flatMap((answered) =>
                answered?.lines === undefined
                  ? Effect.sync(() => send(request, response, onSocket(answered, options)))
                  : stream(response, onSocket(answered, options), answered.lines)
              ),
              Effect.catchCause((cause) =>
                Effect.logError("answering failed", cause).pipe(
                  Effect.andThen(Effect.sync(() => response.destroy()))
                )
              )
            )
          )
          response.on("close", () => {
            if (!response.writableFinished) fiber.interruptUnsafe()
          })
        },
        () => response.destroy()
      )
    })
    // A client of ours may keep a connection between two polls: 30 s is what a real agent keeps it.
    server.keepAliveTimeout = 30_000
    yield* Effect.acquireRelease(listen(server, options), () => close(server))
    return "socket" in options ? 0 : (server.address() as AddressInfo).port
  })

const listen = (server: Server, address: Address) =>
  Effect.callback<void, Error>((resume) => {
    server.once("error", (cause) => resume(Effect.fail(cause)))
    const done = () => resume(Effect.void)
    if ("socket" in address) server.listen(address.socket, done)
    else server.listen(address.port, address.host, done)
  })

const close = (server: Server) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

const collect = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > largestBody) throw new Error("body too large")
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

const parse = (request: IncomingMessage, body: string): ApiRequest => {
  const url = new URL(request.url ?? "/", "http://nomad")
  const { method = "GET", headers } = request
  const token = tokenIn(headers)
  return { method, path: decoded(url.pathname), query: url.searchParams, body, token }
}

/** `X-Nomad-Token`, else the first word after `Bearer`. */
const tokenIn = (headers: IncomingMessage["headers"]): string => {
  const own = headers["x-nomad-token"]?.toString().trim() ?? ""
  return own === "" ? (/^bearer\s+(\S+)/i.exec(headers.authorization ?? "")?.[1] ?? "") : own
}

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** A head that tells no length, then text until the client leaves: its end is the connection's. */
const stream = (response: ServerResponse, { status, headers }: Answer, lines: NonNullable<Answer["lines"]>) =>
  Effect.suspend(() => {
    response.useChunkedEncodingByDefault = false
    response.shouldKeepAlive = false
    response.sendDate = false
    response.writeHead(status, headers)
    response.flushHeaders()
    return Effect.andThen(
      lines((text) => void response.write(text)),
      Effect.sync(() => response.end())
    )
  })

/** What goes over a task's socket is never compressed, and does not say that it might be. */
const onSocket = <A extends Answer | undefined>(answered: A, address: Address): A => {
  if (answered === undefined || !("socket" in address)) return answered
  const { Vary: _, ...headers } = answered.headers
  return { ...answered, headers }
}

const send = (request: IncomingMessage, response: ServerResponse, answered: Answer | undefined): void => {
  if (answered === undefined) {
    request.socket.destroy()
    return
  }
  const { status, headers, body } = answered
  const plain = Buffer.from(body)
  const accepts =
    headers["Vary"] !== undefined && /\bgzip\b/.test(request.headers["accept-encoding"]?.toString() ?? "")
  const isSmall = plain.length < smallest
  const sent = accepts && !isSmall ? gzipSync(plain) : plain
  response.writeHead(status, {
    ...headers,
    ...(accepts && !isSmall ? { "Content-Encoding": "gzip" } : {}),
    "Content-Length": sent.length
  })
  response.end(sent)
}
