import { Effect } from "effect"
import { eventsOf, type Line, type StreamEvent } from "./EventLog.ts"
import { type Answer, type ApiRequest, invalidMethod, namespaceOf } from "./Http.ts"
import { printJson } from "./Json.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"

/** Between two signs of life on a stream, with or without events. */
const heartbeat = "30 seconds"

/**
 * `/v1/event/stream` as since 1.11.2: a head without length, chunks, date or compression, then a line for each
 * transaction that has an event for one of the topics, until the client leaves (`nomad-api.md` §7.1).
 */
export const eventRoute = ({ cluster }: Writer, request: ApiRequest): Effect.Effect<Answer, Refusal> => {
  const { state, node } = cluster
  const { method, query } = request
  if (method !== "GET") return invalidMethod
  const asked = query.get("index") || "0"
  if (!/^[+-]?\d+$/.test(asked)) {
    return refuse(400, `Unable to parse index: strconv.Atoi: parsing "${asked}": invalid syntax`)
  }
  const topics = query.getAll("topic")
  const wrong = topics.find((topic) => topic.split(":").length > 2)
  if (wrong !== undefined) {
    const words = `Invalid key value pair for topic, topic: ${wrong}`
    return refuse(400, `Invalid topic query: error parsing topics: ${words}`)
  }
  const wanted = (topics.length === 0 ? ["*"] : topics).map((topic) => {
    const [name = "", key = "*"] = topic.split(":")
    return { name, key }
  })
  const namespace = namespaceOf(query)
  const matching = (line: Line): ReadonlyArray<StreamEvent> =>
    eventsOf(line, node)
      .filter((event) => namespace === "*" || event.Namespace === namespace)
      .flatMap((event) => matchesOf(wanted, event).map(() => event))

  const lines = (send: (text: string) => void) => {
    const tell = (line: Line): void => {
      const events = matching(line)
      if (events.length > 0) send(`${printJson({ Index: line.index, Events: events })}\n`)
    }
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        send("{}\n")
        for (const line of state.events.from(Number(asked))) tell(line)
        return state.events.listen(tell)
      }),
      () => Effect.sync(() => send("{}\n")).pipe(Effect.delay(heartbeat), Effect.forever),
      (forget) => Effect.sync(forget)
    )
  }
  const headers = {
    "Content-Type": "application/json",
    "Cache-Control": "no-cache",
    Vary: "Accept-Encoding"
  }
  return Effect.succeed({ status: 200, headers, body: "", lines })
}

interface Wanted {
  readonly name: string
  readonly key: string
}

/** The keys that an event is asked for by; it is sent once for each. A lone `*` is asked for every key. */
const matchesOf = (wanted: ReadonlyArray<Wanted>, event: StreamEvent): ReadonlyArray<Wanted> => {
  const all = wanted.filter(({ name }) => name === "*")
  if (all.length === 1 && all[0]?.key === "*") return all
  const keys = [...all, ...wanted.filter(({ name }) => name === event.Topic)]
  if (keys.length === 1 && keys[0]?.key === "*") return keys
  return keys.filter(({ key }) => key === event.Key || event.FilterKeys?.includes(key) === true)
}
