import { Effect, Redacted } from "effect"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"

/** How one message is met: a status, no answer at all, or an answer that breaks off or never ends. */
export type Mood =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly bytes?: number }
  | "hang"
  | "die"
  | "drip"

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** What stands for Slack: a real HTTP server that keeps what it got, in whatever mood it is. */
export class Receiver {
  readonly url: Redacted.Redacted
  /** Every message that arrived whole, whatever was answered. */
  readonly received: Array<Received> = []
  /** Of the next messages; then 200. */
  readonly moods: Array<Mood> = []
  /** Of all messages that `moods` has none for. */
  mood: Mood = { status: 200 }
  /** Called when a message has arrived, before it is answered. */
  onMessage: () => void = () => {}

  constructor(url: string) {
    this.url = Redacted.make(url)
  }

  get texts(): ReadonlyArray<string> {
    return this.received.map(({ body }) => textOf(body))
  }

  answer(response: ServerResponse): void {
    const mood = this.moods.shift() ?? this.mood
    if (mood === "hang") return
    if (mood === "die" || mood === "drip") {
      response.writeHead(200, { "content-length": "10" })
      response.flushHeaders()
      if (mood === "die") response.destroy()
      return
    }
    response.writeHead(mood.status, mood.headers)
    response.end("x".repeat(mood.bytes ?? 2))
  }
}

const textOf = (body: unknown): string =>
  (body as { readonly attachments: ReadonlyArray<{ readonly text: string }> }).attachments[0]?.text ?? ""

/** Listens on loopback until the scope ends; the path is the secret. */
export const receiver = (path = "/services/T000/B000/canary-of-slack") =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const made = createServer()
        made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
      }),
      (made) =>
        Effect.callback<void>((resume) => {
          made.close(() => resume(Effect.void))
          made.closeAllConnections()
        })
    )
    const { port } = server.address() as AddressInfo
    const made = new Receiver(`http://127.0.0.1:${port}${path}`)
    server.on("request", (request, response) => {
      void text(request).then((body) => {
        made.received.push({ path: request.url ?? "", headers: request.headers, body: JSON.parse(body) })
        made.onMessage()
        made.answer(response)
      })
    })
    return made
  })
