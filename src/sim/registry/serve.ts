import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { Incoming } from "./distribution.ts"
import type { Fault } from "./Fault.ts"
import type { Faults } from "./faults.ts"
import type { Reply, Route } from "./Reply.ts"
import type { makeRequestLog } from "./RequestLog.ts"

export interface Served {
  readonly host: string
  readonly port: number
  readonly nowMs: () => number
  readonly faults: Faults
  readonly log: ReturnType<typeof makeRequestLog>
  readonly answer: (request: Incoming) => readonly [Reply, Route]
}

/** Listens until the scope closes; the origin it listens at. A port that is taken is a defect. */
export const serve = Effect.fnUntraced(function* (served: Served) {
  const run = Effect.runForkWith(yield* Effect.context())
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server_ = createServer((message, response) => {
        read(message, (request) => run(answered(served, request, response)))
      })
      server_.once("error", (error) => resume(Effect.die(error)))
      server_.listen(served.port, served.host, () => resume(Effect.succeed(server_)))
    }),
    (server_) =>
      Effect.callback<void>((resume) => {
        server_.close(() => resume(Effect.void))
        server_.closeAllConnections()
      })
  )
  const address = server.address()
  const port = typeof address === "object" ? address?.port : undefined
  return new URL(`http://${served.host}:${port}`)
})

const read = (message: IncomingMessage, done: (request: Incoming) => void) => {
  const chunks: Array<Buffer> = []
  message.on("data", (chunk: Buffer) => chunks.push(chunk))
  message.on("end", () => {
    const url = URL.parse(message.url ?? "/", `http://${message.headers.host}`)
    const { method = "GET", headers } = message
    if (url === null) return message.destroy()
    done({ method, url, headers, body: Buffer.concat(chunks) })
  })
}

const answered = Effect.fnUntraced(function* (served: Served, request: Incoming, response: ServerResponse) {
  const [whole, route] = served.answer(request)
  const fault = served.faults.take(request.method, route)
  const reply = fault === undefined ? whole : spoiled(whole, fault)
  if (!request.url.pathname.startsWith("/_sim/") || route.subject === "token") {
    served.log.add({
      at: served.nowMs(),
      method: request.method,
      path: request.url.pathname + request.url.search,
      image: route.image,
      status: fault?.drop === true ? 0 : reply.status
    })
  }
  if (fault?.delay !== undefined) yield* Effect.sleep(fault.delay)
  if (fault?.drop === true) return response.destroy()
  response.writeHead(reply.status, { ...reply.headers, "content-length": reply.body.length })
  if (fault?.truncate === true) {
    return response.write(reply.body.subarray(0, reply.body.length / 2), () => response.destroy())
  }
  response.end(request.method === "HEAD" ? undefined : reply.body)
})

const spoiled = (reply: Reply, fault: Fault): Reply => {
  const base =
    fault.status === undefined ? reply : { status: fault.status, headers: {}, body: Buffer.alloc(0) }
  const headers = new Map(Object.entries<string>(base.headers))
  for (const [name, value] of Object.entries(fault.headers ?? {})) {
    if (value === null) headers.delete(name)
    else headers.set(name, value)
  }
  return {
    status: base.status,
    headers: Object.fromEntries(headers),
    body: fault.body === undefined ? base.body : Buffer.from(fault.body)
  }
}
