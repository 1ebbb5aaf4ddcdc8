import { Effect, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import { listening } from "../real/tokenServer.ts"

export interface Heard {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** A server that says what a test needs said, and what it heard. */
export const scripted = (
  answer: (heard: Heard, response: ServerResponse) => void
): Effect.Effect<
  { readonly origin: URL; readonly heard: Array<Heard>; readonly connections: () => number },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const heard: Array<Heard> = []
    let connections = 0
    const server = createServer(({ method = "", url: path = "", headers }, response) => {
      heard.push({ method, path, headers })
      answer({ method, path, headers }, response)
    }).on("connection", () => connections++)
    const port = yield* listening(server)
    return { origin: new URL(`http://127.0.0.1:${port}`), heard, connections: () => connections }
  })
