import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { broken, deployment, newId, post, some, stableJob } from "./steps.ts"
import { arrives, type Line, type StreamEvent, told } from "./streams.ts"
import type { Streamed, Target } from "./Target.ts"

const alive = ({ lines }: Streamed): number => lines.filter((each) => each === "{}").length
const topics = ({ Events }: Line): ReadonlyArray<string> => Events.map((each) => each.Topic).toSorted()

const succeeds = (line: Line): boolean =>
  line.Events.some((each) => each.Payload.Deployment?.Status === "successful")
const registers = (stream: Streamed): Line | undefined =>
  told(stream).find((line) => line.Events.some((each) => each.Type === "JobRegistered"))

/** The event stream. */
export const events = (target: () => Target): void => {
  it.live(
    "statement 49: a stream begins with a sign of life, then has one line for each transaction",
    () =>
      Effect.gen(function* () {
        const id = newId()
        const all = yield* target().stream(`/v1/event/stream?topic=*:${id}`)
        const ours = yield* target().stream(`/v1/event/stream?topic=Deployment:${id}`)
        yield* arrives(() => all.lines[0], "the first line")
        assert.deepStrictEqual([all.status, all.lines[0]], [200, "{}"])
        assert.strictEqual(all.headers.get("content-type"), "application/json")
        for (const none of [
          "content-encoding",
          "content-length",
          "transfer-encoding",
          "date",
          "x-nomad-index"
        ]) {
          assert.isNull(all.headers.get(none), none)
        }

        const { json } = yield* post(target(), fixtureJob({ id }))
        const [first, second] = yield* arrives(
          () => (told(all).length > 1 ? told(all) : undefined),
          "the register"
        )
        const shown = [some(first), some(second)].map(({ Index, Events }) => [
          Index,
          Events.map((each) => [each.Topic, each.Type, each.Index])
        ])
        const at = json.JobModifyIndex
        assert.deepStrictEqual(shown, [
          [at, [["Job", "JobRegistered", at]]],
          [at, [["Evaluation", "JobRegistered", at]]]
        ])
        assert.strictEqual(first?.Events[0]?.Payload.Job?.Version, 0)
        assert.strictEqual(second?.Events[0]?.Payload.Evaluation?.ID, json.EvalID)

        yield* post(target(), fixtureJob({ id: newId() }))
        yield* deployment(target(), id, 0, "successful")
        yield* arrives(() => told(ours).find(succeeds), "the end of the deployment")
        for (const { Events } of told(ours)) {
          for (const each of Events) {
            assert.deepStrictEqual([each.Topic, each.Payload.Deployment?.JobID], ["Deployment", id])
          }
        }

        const before = alive(ours)
        yield* target().pass(31_000)
        yield* arrives(() => (alive(ours) > before ? true : undefined), "the heartbeat")
        const wrong = yield* target().call("GET", "/v1/event/stream?topic=Job:a:b")
        assert.strictEqual(wrong.status, 400)
        assert.include(wrong.text, "Invalid topic query: ")
      }).pipe(Effect.scoped),
    // A heartbeat comes every 30 seconds.
    60_000
  )

  it.live("statement 50: a stream from index 0 sends again what was there before", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      const first = yield* target().stream(`/v1/event/stream?topic=Job:${id}&index=0`)
      const seen = yield* arrives(() => registers(first), "the register")
      const second = yield* target().stream(`/v1/event/stream?topic=Job:${id}&index=0`)
      assert.deepStrictEqual(yield* arrives(() => registers(second), "the register, again"), seen)
      // What lies before the index is not sent.
      const late = yield* target().stream(`/v1/event/stream?topic=Job:${id}&index=${seen.Index + 1}`)
      yield* arrives(() => late.lines[0], "the first line")
      yield* arrives(() => told(late)[0], "what came after it")
      assert.isUndefined(registers(late))
    }).pipe(Effect.scoped)
  )

  it.live(
    "statement 202: a rollback is one line: the deployment, the job as it was, and the evaluation",
    () =>
      Effect.gen(function* () {
        const { id, job } = yield* stableJob(target())
        const stream = yield* target().stream(
          `/v1/event/stream?topic=Deployment:${id}&topic=Job:${id}&topic=Evaluation:${id}`
        )
        yield* post(target(), broken(job))
        const failed = yield* deployment(target(), id, 1, "failed")
        const line = yield* arrives(
          () => told(stream).find(({ Index }) => Index === failed.ModifyIndex),
          "the rollback"
        )
        assert.deepStrictEqual(topics(line), ["Deployment", "Evaluation", "Job"])
        assert.isTrue(line.Events.every((each) => each.Type === "DeploymentStatusUpdate"))
        const payload = line.Events.reduce<StreamEvent["Payload"]>(
          (sum, each) => ({ ...sum, ...each.Payload }),
          {}
        )
        const ended = some(payload.Deployment)
        assert.deepStrictEqual(
          [ended.ID, ended.Status, payload.Evaluation?.TriggeredBy],
          [failed.ID, "failed", "deployment-watcher"]
        )
        const { Version, Stable, JobModifyIndex } = some(payload.Job)
        assert.deepStrictEqual([Version, Stable, JobModifyIndex], [2, true, failed.ModifyIndex])
      }).pipe(Effect.scoped)
  )
}
