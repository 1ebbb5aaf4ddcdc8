import { Effect } from "effect"
import { type Asked, permissionDenied } from "./Asked.ts"
import { type Answer, requireUuid } from "./Http.ts"
import { groupOf } from "./Job.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"

export const logPath = "/v1/client/fs/logs/"

/**
 * `/v1/client/fs/logs/:alloc_id`: what a task has written so far, of any method, as plain text or as one frame
 * with the bytes in base64. The order of its checks is Nomad's. The namespace asked for is not looked at.
 */
export const logRoute = ({ cluster }: Writer, { path, query, who }: Asked): Effect.Effect<Answer, Refusal> =>
  Effect.gen(function* () {
    const id = path.slice(logPath.length)
    if (id === "") return yield* refuse(400, "must provide a valid alloc id")
    const task = query.get("task") ?? ""
    if (task === "") return yield* refuse(400, "must provide task name")
    const follow = yield* flag(query, "follow")
    const plain = yield* flag(query, "plain")
    const kind = query.get("type")
    if (kind !== "stdout" && kind !== "stderr") {
      return yield* refuse(400, "must provide log type (stdout/stderr)")
    }
    const asked = query.get("offset") || "0"
    if (!/^[+-]?\d+$/.test(asked)) {
      return yield* refuse(400, `error parsing offset: strconv.ParseInt: parsing "${asked}": invalid syntax`)
    }
    const origin = query.get("origin") || "start"
    if (origin !== "start" && origin !== "end") return yield* refuse(400, "origin must be start or end")

    yield* requireUuid(id, "alloc")
    const allocation = cluster.state.allocations.get(id)
    const rights = yield* who
    if (allocation === undefined) return yield* refuse(404, `Unknown allocation "${id}"`)
    if (!rights.allows(allocation.Namespace, "read-logs", "read-fs")) return yield* permissionDenied
    const tasks = groupOf(allocation.Job, allocation.TaskGroup)?.Tasks ?? []
    if (!tasks.some((each) => each.Name === task)) return yield* refuse(400, `unknown task name "${task}"`)
    const log = cluster.logs.read(id, task, kind)
    if (log === undefined) return yield* refuse(404, `task "${task}" not started yet. No logs available`)

    const bytes = Buffer.from(log)
    // Counted from the end, an offset of 0 is the whole log, and a negative one counts from the other side.
    const part = bytes.subarray(origin === "end" ? -Number(asked) : Number(asked))
    const shown = (more: Buffer, end: number): string => {
      if (plain || more.length === 0) return more.toString()
      return JSON.stringify({
        Data: more.toString("base64"),
        File: `alloc/logs/${task}.${kind}.0`,
        Offset: end
      })
    }
    const headers = { "Content-Type": plain ? "text/plain" : "application/json", Vary: "Accept-Encoding" }
    const answered = { status: 200, headers, body: shown(part, bytes.length) }
    if (!follow) return answered
    const lines = (send: (text: string) => void) => {
      let end = bytes.length
      const tell = (text: string): void => {
        const more = Buffer.from(text)
        end += more.length
        send(shown(more, end))
      }
      return Effect.acquireUseRelease(
        Effect.sync(() => {
          send(answered.body)
          return cluster.logs.follow(id, task, kind, tell)
        }),
        () => Effect.never,
        (forget) => Effect.sync(forget)
      )
    }
    return { ...answered, body: "", lines }
  })

const flag = (query: URLSearchParams, name: string): Effect.Effect<boolean, Refusal> => {
  const asked = query.get(name) ?? ""
  if (/^(?:|0|f|F|false|FALSE|False)$/.test(asked)) return Effect.succeed(false)
  if (/^(?:1|t|T|true|TRUE|True)$/.test(asked)) return Effect.succeed(true)
  const words = `strconv.ParseBool: parsing "${asked}": invalid syntax`
  return refuse(400, `failed to parse ${name} field to boolean: ${words}`)
}
