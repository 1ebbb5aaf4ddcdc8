import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import type { StubBody } from "./Answers.ts"
import { allocations, deployment, eventually, newId, post, some } from "./steps.ts"
import type { Target } from "./Target.ts"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"

const noneEver = "00000000-0000-0000-0000-000000000000"
/** Writes a line to each log and ends at once. */
const complains = { command: "/bin/sh", args: ["-c", "echo out; echo 'panic: no database' >&2; exit 3"] }

const syntax = (kind: string): string => `strconv.${kind}: parsing "x": invalid syntax`

/**
 * The logs of tasks, which lie beyond the 85 statements of the facts: seen on a real agent (2.0.6-dev), so
 * none of these tests has a number.
 */
export const logs = (target: () => Target): void => {
  /** A job whose task wrote to both logs, failed and is left alone. */
  const failed = Effect.gen(function* () {
    const id = newId()
    yield* target().says(id, "t", { stdout: "out\n", stderr: "panic: no database\n" })
    yield* post(target(), fixtureJob({ id, task: { Config: complains }, update: { AutoRevert: false } }))
    yield* deployment(target(), id, 0, "failed")
    return some((yield* allocations(target(), id))[0]).ID
  })
  const read = (allocation: string, query: string) =>
    target().call<{ readonly Data: string; readonly File: string; readonly Offset: number }>(
      "GET",
      `/v1/client/fs/logs/${allocation}?${query}`
    )

  it.live("the log of a task that failed can be read, whole or from its end", () =>
    Effect.gen(function* () {
      const id = yield* failed
      const whole = yield* read(id, "task=t&type=stderr&plain=true&origin=end&offset=4096")
      assert.deepStrictEqual([whole.status, whole.text], [200, "panic: no database\n"])
      assert.strictEqual(whole.headers.get("content-type"), "text/plain")
      assert.isNull(whole.headers.get("x-nomad-index"))
      const parts: ReadonlyArray<readonly [query: string, text: string]> = [
        ["type=stdout", "out\n"],
        ["type=stderr&origin=end&offset=9", "database\n"],
        ["type=stderr&offset=7", "no database\n"],
        ["type=stderr&origin=end", "panic: no database\n"],
        ["type=stderr&offset=-9", "database\n"],
        ["type=stderr&offset=4096", ""],
        // Nobody asks for the namespace where there are no ACLs.
        ["type=stdout&namespace=none", "out\n"]
      ]
      for (const [query, text] of parts) {
        const part = yield* read(id, `task=t&plain=true&${query}`)
        assert.deepStrictEqual([part.status, part.text], [200, text], query)
      }
    })
  )

  it.live("without plain a log is one frame of base64 that names its file and its end", () =>
    Effect.gen(function* () {
      const id = yield* failed
      const frame = yield* read(id, "task=t&type=stderr&origin=end&offset=9")
      assert.strictEqual(frame.headers.get("content-type"), "application/json")
      const Data = Buffer.from("database\n").toString("base64")
      assert.deepStrictEqual(frame.json, { Data, File: "alloc/logs/t.stderr.0", Offset: 19 })
    })
  )

  it.live("a log that is asked for wrongly is 400 in plain words, the first thing wrong first", () =>
    Effect.gen(function* () {
      const id = yield* failed
      const wrong: ReadonlyArray<readonly [query: string, words: string]> = [
        ["type=nope", "must provide task name"],
        ["task=t&follow=x&plain=x", `failed to parse follow field to boolean: ${syntax("ParseBool")}`],
        ["task=t&plain=x", `failed to parse plain field to boolean: ${syntax("ParseBool")}`],
        ["task=t&offset=x", "must provide log type (stdout/stderr)"],
        ["task=t&type=stderr&offset=x&origin=x", `error parsing offset: ${syntax("ParseInt")}`],
        ["task=t&type=stderr&origin=middle", "origin must be start or end"],
        ["task=nope&type=stderr", 'unknown task name "nope"']
      ]
      for (const [query, words] of wrong) {
        const reply = yield* read(id, query)
        assert.deepStrictEqual([reply.status, reply.text], [400, words], query)
      }
      const nameless = yield* read("", "task=t&type=stderr")
      assert.deepStrictEqual([nameless.status, nameless.text], [400, "must provide a valid alloc id"])
    })
  )

  it.live("the log of an allocation that is not there, or of a task that never started, is 404", () =>
    Effect.gen(function* () {
      const ask = "task=t&type=stderr&plain=true"
      const none = yield* read(noneEver, ask)
      assert.deepStrictEqual([none.status, none.text], [404, `Unknown allocation "${noneEver}"`])
      const short = yield* read("abc", ask)
      assert.deepStrictEqual(
        [short.status, short.text],
        [500, "alloc lookup failed: index error: UUID must be 36 characters"]
      )
      const id = newId()
      yield* target().says(id, "t", "never starts")
      const job = fixtureJob({ id, command: "/no/such/program", update: { AutoRevert: false } })
      yield* post(target(), job)
      const path = `/v1/job/${id}/allocations`
      const { json } = yield* eventually<ReadonlyArray<StubBody>>(target(), path, (reply) =>
        reply.json.some((each) => each.ClientStatus === "failed")
      )
      const only = some(json[0])
      assert.include(
        only.TaskStates.t.Events.map((each) => each.Type),
        "Driver Failure"
      )
      const never = yield* read(only.ID, ask)
      assert.deepStrictEqual([never.status, never.text], [404, 'task "t" not started yet. No logs available'])
    })
  )

  it.live("a purge takes the logs with it", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* target().says(id, "t", { stdout: "out\n", stderr: "panic: no database\n" })
      yield* post(target(), fixtureJob({ id, task: { Config: complains }, update: { AutoRevert: false } }))
      yield* deployment(target(), id, 0, "failed")
      const { ID } = some((yield* allocations(target(), id))[0])
      yield* target().call("DELETE", `/v1/job/${id}?purge=true`)
      const path = `/v1/client/fs/logs/${ID}?task=t&type=stderr&plain=true`
      const { text } = yield* eventually(target(), path, (reply) => reply.status === 404)
      assert.strictEqual(text, `Unknown allocation "${ID}"`)
    })
  )
}
