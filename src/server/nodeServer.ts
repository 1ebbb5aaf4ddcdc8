import { Duration } from "effect"
import { createServer, type Server, type ServerResponse, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import type { Limits } from "./limits.ts"

/** Node's names for what a peer did before there was a request to route. */
const refusals: Record<string, readonly [status: number, message: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "the request did not arrive in time"],
  HPE_HEADER_OVERFLOW: [431, "the headers are too large"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "the body's chunk extensions are too large"]
}

/** Node's own server under our caps (X11); what it refuses before routing is `{"message"}` as well. */
export const nodeServer = (limits: Limits): Server => {
  const headersTimeout = Duration.toMillis(limits.headersWithin)
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout,
    // For bodies that nobody reads; `readBody` has the clock of those that somebody does.
    requestTimeout: headersTimeout + 2 * Duration.toMillis(limits.bodyWithin),
    connectionsCheckingInterval: Math.min(1000, headersTimeout / 2)
  })
  server.maxConnections = limits.connections
  const answers = new WeakMap<Duplex, ServerResponse>()
  server.on("request", (request, response) => {
    answers.set(request.socket, response)
    // Closing ends only the connections that are idle at that moment; this was not.
    response.once("close", () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections())
    })
  })
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const answer = answers.get(socket)
    // What has begun can not be taken back; what has ended was the answer to the request before.
    const isAnswering = answer !== undefined && answer.headersSent && !answer.writableFinished
    if (!socket.writable || isAnswering) return void socket.destroy()
    const [status, message] = refusals[error.code ?? ""] ?? [400, "this is no HTTP request"]
    socket.end(refusal(status, message), () => socket.destroy())
  })
  server.on("checkExpectation", (_, response) => {
    const body = JSON.stringify({ message: "no such expectation can be met" })
    const headers = { "content-type": "application/json", "content-length": body.length }
    response.writeHead(417, { ...headers, connection: "close" }).end(body)
  })
  return server
}

const refusal = (status: number, message: string): string => {
  const body = JSON.stringify({ message })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
    "connection: close",
    "",
    body
  ].join("\r\n")
}
