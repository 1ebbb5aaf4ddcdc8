import { Effect, type Scope } from "effect"
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type ServerOptions,
  type ServerResponse
} from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { TlsOptions } from "node:tls"
import type { NomadEndpoint } from "../../src/domain/NomadEndpoint.ts"

export interface Asked {
  readonly method: string
  /** As on the wire, escapes and query included. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** `text` (a JSON value: a 200 as Nomad sends it), or what the server does with the connection. */
export type Said =
  | { readonly json: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly status: number; readonly text: string; readonly headers?: Readonly<Record<string, string>> }
  | { readonly act: (response: ServerResponse) => void }

export interface NomadScript {
  readonly endpoint: NomadEndpoint
  readonly asked: ReadonlyArray<Asked>
}

export const endpointAt = (address: URL, rest: Partial<NomadEndpoint> = {}): NomadEndpoint => ({
  address,
  token: undefined,
  tokenFile: undefined,
  httpAuth: undefined,
  region: "",
  namespace: "default",
  ca: undefined,
  clientCertificate: undefined,
  tlsServerName: undefined,
  skipVerify: false,
  vaultToken: undefined,
  ...rest
})

const say = (said: Said, response: ServerResponse): void => {
  if ("act" in said) return said.act(response)
  const isJson = "json" in said
  response.writeHead(isJson ? 200 : said.status, {
    "content-type": isJson ? "application/json" : "text/plain; charset=utf-8",
    ...(isJson ? { "X-Nomad-Knownleader": "true" } : {}),
    ...said.headers
  })
  response.end(isJson ? JSON.stringify(said.json) : said.text)
}

export interface Listening {
  readonly tls?: TlsOptions & ServerOptions
  /** Path of a unix socket instead of a port of 127.0.0.1. */
  readonly socket?: string
}

/** A server that says what a test tells it, so that answers no healthy Nomad gives can be tried. */
export const nomadScript = (
  script: (asked: Asked) => Said,
  rest: Partial<NomadEndpoint> = {},
  { tls, socket }: Listening = {}
): Effect.Effect<NomadScript, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const listener: RequestListener = (request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const { method = "", url = "", headers } = request
        const one = { method, url, headers, body: Buffer.concat(chunks).toString() }
        asked.push(one)
        say(script(one), response)
      })
    }
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    const address = yield* Effect.acquireRelease(
      Effect.callback<URL>((resume) => {
        const listening = () => {
          const bound = server.address()
          const port = typeof bound === "object" && bound !== null ? bound.port : 0
          const scheme = tls === undefined ? "http" : "https"
          resume(
            Effect.succeed(
              new URL(socket === undefined ? `${scheme}://127.0.0.1:${port}` : `unix://${socket}`)
            )
          )
        }
        if (socket === undefined) server.listen(0, "127.0.0.1", listening)
        else server.listen(socket, listening)
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return { endpoint: endpointAt(address, rest), asked }
  })
