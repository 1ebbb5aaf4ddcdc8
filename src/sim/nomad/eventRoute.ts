import { Effect } from "effect"
import { type Asked, permissionDenied } from "./Asked.ts"
import { eventsOf, type Line, type StreamEvent } from "./EventLog.ts"
import { type Answer, invalidMethod, namespaceOf } from "./Http.ts"
import { printJson } from "./Json.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Rights } from "./Rights.ts"
import type { Writer } from "./registerJob.ts"

/** Between two signs of life on a stream, with or without events. */
const heartbeat = "30 seconds"

const headers = {
  "Content-Type": "application/json",
  "Cache-Control": "no-cache",
  Vary: "Accept-Encoding"
}

/**
 * `/v1/event/stream` as since 1.11.2: a head without length, chunks, date or compression, then a line for each
 * transaction that has an event for one of the topics, until the client leaves (`nomad-api.md` §7.1). Whoever may not
 * read them gets the head and then nothing, and so does whoever may not any more; before, a refusal was an answer.
 */
export const eventRoute = (writer: Writer, request: Asked): Effect.Effect<Answer, Refusal> => {
  const { cluster } = writer
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
  // Those that come later are not among all of them.
  const namespaces = namespace === "*" ? [...state.namespaces] : [namespace]
  const mayRead = (): boolean => {
    const rights = cluster.acl.who(request.token ?? "")
    return !("denied" in rights) && mayFollow(rights, namespaces, wanted)
  }
  const matching = (line: Line): ReadonlyArray<StreamEvent> =>
    eventsOf(line, node)
      .filter((event) => namespaces.includes(event.Namespace))
      .flatMap((event) => matchesOf(wanted, event).map(() => event))

  const lines = (send: (text: string) => void) => {
    let refused = !mayRead()
    /** Once it is refused nothing is said any more, and nobody closes the connection. */
    const say = (text: string): void => {
      refused ||= !mayRead()
      if (!refused) send(text)
    }
    const tell = (line: Line): void => {
      const events = matching(line)
      if (events.length > 0) say(`${printJson({ Index: line.index, Events: events })}\n`)
    }
    const beats = Effect.sync(() => say("{}\n")).pipe(Effect.delay(heartbeat), Effect.forever)
    const told = Effect.callback<void>((resume) => {
      say("{}\n")
      for (const line of state.events.from(Number(asked))) tell(line)
      return Effect.sync(state.events.listen(tell, () => resume(Effect.void)))
    })
    return Effect.raceFirst(told, beats)
  }
  const streamed = { status: 200, headers, body: "", lines }
  return Effect.suspend(() =>
    cluster.has("hijackedStream") || mayRead() ? Effect.succeed(streamed) : permissionDenied
  )
}

interface Wanted {
  readonly name: string
  readonly key: string
}

const ofJobs = new Set(["Job", "Evaluation", "Allocation", "Deployment", "Service"])

/** Jobs and what belongs to them need `read-job` in every namespace, everything else more. */
const mayFollow = (
  rights: Rights,
  namespaces: ReadonlyArray<string>,
  wanted: ReadonlyArray<Wanted>
): boolean =>
  wanted.every(({ name }) =>
    ofJobs.has(name)
      ? namespaces.every((namespace) => rights.allows(namespace, "read-job"))
      : name === "Node"
        ? rights.node !== ""
        : rights.isManagement
  )

/** The keys that an event is asked for by; it is sent once for each. A lone `*` is asked for every key. */
const matchesOf = (wanted: ReadonlyArray<Wanted>, event: StreamEvent): ReadonlyArray<Wanted> => {
  const all = wanted.filter(({ name }) => name === "*")
  if (all.length === 1 && all[0]?.key === "*") return all
  const keys = [...all, ...wanted.filter(({ name }) => name === event.Topic)]
  if (keys.length === 1 && keys[0]?.key === "*") return keys
  return keys.filter(({ key }) => key === event.Key || event.FilterKeys?.includes(key) === true)
}
