import { Effect, type Scope } from "effect"
import { request } from "node:http"
import type { WriteBody } from "./Answers.ts"

/** One answer of whatever is tested. */
export interface Reply<A> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The parsed body, read as the test expects it to be; `null` where it is no JSON. */
  readonly json: A
}

/** What somebody may ask of a target. */
export interface Caller {
  readonly call: <A = WriteBody>(method: string, path: string, body?: unknown) => Effect.Effect<Reply<A>>
  /** Opens a stream of lines that nobody ends: it is closed with the scope. */
  readonly stream: (path: string) => Effect.Effect<Streamed, never, Scope.Scope>
}

/** What the contract is tested against. */
export interface Target extends Caller {
  /** Where it listens. */
  readonly url: string
  /** Lets time pass: virtual on the simulator, real on an agent. */
  readonly pass: (milliseconds: number) => Effect.Effect<void>
  /** Milliseconds on the clock that `pass` moves. */
  readonly now: Effect.Effect<number>
  /** Waits until the target has taken a request whose path contains this and still holds it. */
  readonly holds: (path: string) => Effect.Effect<void>
  /** What that task writes before it exits with 3, after how many milliseconds, or that it never starts; an agent knows by its command. */
  readonly says: (
    job: string,
    task: string,
    what: { readonly stdout?: string; readonly stderr?: string; readonly runs?: number } | "never starts"
  ) => Effect.Effect<void>
  readonly stop: () => Promise<void>
}

/** A target with ACLs on; by itself it asks with a management token. */
export interface AclTarget extends Target {
  /** The same for who has this token; `""` is nobody. */
  readonly as: (token: string) => Caller
  /** What a task finds in its secrets: the token of its identity, and the socket of the Task API. */
  readonly inTask: (
    allocation: string,
    task: string
  ) => Effect.Effect<{ readonly token: string; readonly api: (token: string) => Caller["call"] }>
}

/** A target whose node runs docker, and a registry that it pulls from. */
export interface DockerTarget extends Target {
  /** Host and port of the registry. */
  readonly registry: string
  /** The tag points at an image from now on whose program writes this line and sleeps; answers its digest. */
  readonly push: (repository: string, tag: string, line: string) => Effect.Effect<string>
}

const tokenHeader = (token: string): Record<string, string> =>
  token === "" ? {} : { "X-Nomad-Token": token }

export const caller =
  (url: string, token = ""): Caller["call"] =>
  <A>(method: string, path: string, body?: unknown): Effect.Effect<Reply<A>> =>
    Effect.promise(async (signal) => {
      const response = await fetch(`${url}${path}`, {
        method,
        signal,
        headers: tokenHeader(token),
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
      })
      const text = await response.text()
      const isJson = response.headers.get("content-type")?.startsWith("application/json") === true
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: (isJson ? JSON.parse(text) : null) as A
      }
    })

/** The same over a unix socket. */
export const socketCaller =
  (socketPath: string, token: string): Caller["call"] =>
  <A>(method: string, path: string, body?: unknown): Effect.Effect<Reply<A>> =>
    Effect.callback<Reply<A>>((resume) => {
      const sent = request({ socketPath, path, method, headers: tokenHeader(token) }, (response) => {
        let text = ""
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => (text += chunk))
        response.on("end", () => {
          const headers = new Headers()
          for (const [name, value] of Object.entries(response.headers)) headers.set(name, String(value))
          const isJson = headers.get("content-type")?.startsWith("application/json") === true
          const json = (isJson ? JSON.parse(text) : null) as A
          resume(Effect.succeed({ status: response.statusCode ?? 0, headers, text, json }))
        })
      })
      sent.on("error", (cause) => resume(Effect.die(cause)))
      sent.end(body === undefined ? undefined : JSON.stringify(body))
    })

/** The lines that a stream has sent so far. */
export interface Streamed {
  /** Whether the other side has closed it. */
  readonly ended: () => boolean
  readonly status: number
  readonly headers: Headers
  readonly lines: ReadonlyArray<string>
}

export const streamer =
  (url: string, token = ""): Caller["stream"] =>
  (path) =>
    Effect.gen(function* () {
      const abort = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort())
      )
      return yield* Effect.promise(async () => {
        const { signal } = abort
        // With what would compress any other answer.
        const headers = { "Accept-Encoding": "gzip", ...tokenHeader(token) }
        const response = await fetch(`${url}${path}`, { signal, headers })
        const lines: Array<string> = []
        let ended = false
        void follow(response, lines)
          .catch(() => undefined)
          .then(() => (ended = true))
        return { status: response.status, headers: response.headers, lines, ended: () => ended }
      })
    })

const follow = async (response: Response, lines: Array<string>): Promise<void> => {
  let rest = ""
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const parts = `${rest}${text}`.split("\n")
    rest = parts.pop() ?? ""
    lines.push(...parts)
  }
}
