import { Effect } from "effect"
import type { Cluster } from "./Cluster.ts"
import { isObject, type Json, type JsonObject, parseJson, printJson } from "./Json.ts"
import { refuse, Refusal } from "./Refusal.ts"
import { parseGoDuration } from "./time.ts"

/** One request, its path decoded, as Nomad's own routing sees it. */
export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
  /** Who asks: a token, `""` or absent for nobody. */
  readonly token?: string
  /** Came by the socket of a task. */
  readonly taskApi?: boolean
  /** Milliseconds between the checks of a register and the log. */
  readonly slowLog?: number
}

/** One answer; `body` is sent as it stands. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Instead of a body: sends text as it comes, until the client leaves. */
  readonly lines?: (send: (text: string) => void) => Effect.Effect<void>
}

/** Result of a read: its index, and the body or the words of a 404. */
export interface Read {
  readonly index: number
  readonly body?: Json
  readonly missing?: string
  /** What the look itself was refused with. */
  readonly refused?: { readonly status: number; readonly words: string }
  readonly nextToken?: string
  /** Answered by the agent itself, which asks no leader. */
  readonly byAgent?: boolean
}

const text = { "Content-Type": "text/plain; charset=utf-8", Vary: "Accept-Encoding" }
const json = { "Content-Type": "application/json", Vary: "Accept-Encoding" }

export const plainAnswer = (status: number, words: string): Answer => ({ status, headers: text, body: words })

export const isWrite = (method: string): boolean => method === "POST" || method === "PUT"

/** What Nomad answers to a path that it does not know. */
export const unknownPath: Answer = { status: 404, headers: { Vary: "Accept-Encoding" }, body: "" }

export const invalidMethod = refuse(405, "Invalid method")

/** A write's answer carries its index and no other header of Nomad's. */
export const writeAnswer = (index: number, body: Json): Answer => ({
  status: 200,
  headers: { ...json, "X-Nomad-Index": String(index) },
  body: printJson(body)
})

/** That of a write that has nothing to say. */
export const emptyAnswer = (index: number): Answer => ({
  status: 200,
  headers: { Vary: "Accept-Encoding", "X-Nomad-Index": String(index) },
  body: ""
})

const readAnswer = ({ index, body, missing, refused, nextToken, byAgent }: Read): Answer => {
  if (refused !== undefined) return plainAnswer(refused.status, refused.words)
  const headers = {
    "X-Nomad-Index": String(index),
    "X-Nomad-Knownleader": byAgent === true ? "false" : "true",
    "X-Nomad-Lastcontact": "0",
    ...(nextToken === undefined ? {} : { "X-Nomad-Nexttoken": nextToken })
  }
  return missing === undefined
    ? { status: 200, headers: { ...json, ...headers }, body: printJson(body) }
    : { status: 404, headers: { ...text, ...headers }, body: missing }
}

/** Longest time that a read may block, milliseconds; also the default. */
const longestWait = 300_000

/**
 * Answers a read at once, or with `index` in the query as soon as the result's index is above it, at the
 * latest after `wait` and up to a sixteenth more (`nomad-api.md` §1.6).
 */
export const read = (
  cluster: Cluster,
  query: URLSearchParams,
  look: () => Read
): Effect.Effect<Answer, Refusal> =>
  Effect.gen(function* () {
    const { index, wait } = yield* blockingOf(query)
    if (index === 0) return readAnswer(look())
    const moved = Effect.callback<Read>((resume) => {
      const first = look()
      if (first.index > index) return resume(Effect.succeed(first))
      const forget = cluster.state.onCommit(() => {
        const next = look()
        if (next.index <= index) return
        forget()
        resume(Effect.succeed(next))
      })
      return Effect.sync(forget)
    })
    const late = wait + (cluster.random() * wait) / 16
    return readAnswer(yield* Effect.raceFirst(moved, Effect.sync(look).pipe(Effect.delay(late))))
  })

const blockingOf = (query: URLSearchParams) =>
  Effect.gen(function* () {
    const stale = query.get("stale")
    if (stale !== null && !["", "true", "false"].includes(stale)) {
      return yield* refuse(400, "Expect `true` or `false` for `stale` query string parameter")
    }
    const waited = parseGoDuration(query.get("wait") || "0")
    if (waited === null) return yield* refuse(400, "Invalid wait time")
    const asked = query.get("index") || "0"
    if (!/^\d+$/.test(asked)) return yield* refuse(400, "Invalid index")
    return { index: Number(asked), wait: waited <= 0 ? longestWait : Math.min(waited, longestWait) }
  })

/** The namespace of a read. */
export const namespaceOf = (query: URLSearchParams): string => query.get("namespace") || "default"

/** A body that must be a JSON object. */
export const bodyOf = ({ body }: ApiRequest): Effect.Effect<JsonObject, Refusal> =>
  Effect.gen(function* () {
    if (body === "") return yield* refuse(400, "Request body is empty")
    const value = yield* Effect.try({
      try: () => parseJson(body),
      catch: (cause) => new Refusal({ status: 400, words: badJson(String(cause), body) })
    })
    if (isObject(value)) return value
    const words = `json: cannot unmarshal ${kindOf(value)} into Go value of type api.JobRegisterRequest`
    return yield* refuse(400, words)
  })

/** Go tells a text that is cut off from one that is wrong. */
const badJson = (message: string, body: string): string => {
  const at = /at position (\d+)/.exec(message)?.[1]
  const isCut = at === undefined ? message.includes("Unexpected end") : Number(at) >= body.length
  return isCut ? "unexpected EOF" : `invalid character in request body: ${message}`
}

export const kindOf = (value: Json): string =>
  Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value

const uuid = /^.{36}$/s
/** Refuses what Nomad cannot look up; `what` is the beginning of its words. */
export const requireUuid = (id: string, what: string): Effect.Effect<void, Refusal> =>
  uuid.test(id) ? Effect.void : refuse(500, `${what} lookup failed: index error: UUID must be 36 characters`)

/** Metadata that register, revert, versions and tags repeat in their bodies. */
export const metadata = { KnownLeader: false, LastContact: 0, NextToken: "" }
