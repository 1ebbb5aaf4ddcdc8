import { Effect, type Scope } from "effect"
import { createServer, request as ask } from "node:http"
import { connect } from "node:net"
import { listening } from "../real/tokenServer.ts"

export interface ForwardProxy {
  readonly origin: URL
  /** Method and target without its path; what it was told of itself. */
  readonly heard: Array<{ readonly line: string; readonly authorization: string | undefined }>
}

/** An HTTP proxy as RFC 9112 §3.2 has it: absolute targets for http, CONNECT for the rest. */
export const forwardProxy: Effect.Effect<ForwardProxy, never, Scope.Scope> = Effect.gen(function* () {
  const heard: ForwardProxy["heard"] = []
  const server = createServer((request, response) => {
    const { method, url = "", headers } = request
    const { "proxy-authorization": authorization, ...passed } = headers
    heard.push({ line: `${method} ${new URL("/", url).href}`, authorization })
    const onward = ask(url, { method: method ?? "GET", headers: passed }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on("error", () => response.destroy())
    onward.end()
  })
  server.on("connect", ({ url = "", headers }, socket) => {
    heard.push({ line: `CONNECT ${url}`, authorization: headers["proxy-authorization"] })
    const { hostname, port } = new URL(`http://${url}`)
    const onward = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
      onward.pipe(socket)
      socket.pipe(onward)
    })
    onward.on("error", () => socket.destroy())
    socket.on("error", () => onward.destroy())
    socket.on("close", () => onward.destroy())
  })
  const port = yield* listening(server)
  return { origin: new URL(`http://127.0.0.1:${port}`), heard }
})
