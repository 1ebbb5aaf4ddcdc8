import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import type { DeploymentBody } from "./Answers.ts"
import { changed, deployment, evaluated, eventually, getJob, newId, post, some, stableJob } from "./steps.ts"
import { arrives, type Line, told } from "./streams.ts"
import type { Streamed, Target } from "./Target.ts"

const shown = (line: Line): ReadonlyArray<readonly [string, string]> =>
  line.Events.map(({ Topic, Type }) => [Topic, Type] as const)
const isDone = (line: Line): boolean =>
  line.Events.some((each) => each.Payload.Evaluation?.Status === "complete")
const isGone = ({ Events }: Line): boolean =>
  Events.some(({ Topic, Type }) => Topic === "Job" && Type === "JobDeregistered")
const isHealthy = ({ json }: { readonly json: DeploymentBody }): boolean =>
  json.TaskGroups.g.HealthyAllocs === 1

/** What the event stream says of what is done. */
export const eventTypes = (target: () => Target): void => {
  /** The lines that come of `act`, without those of the scheduler that end what it began. */
  const linesOf = <A>(stream: Streamed, act: Effect.Effect<A>, last: (line: Line) => boolean) =>
    Effect.gen(function* () {
      const before = told(stream).length
      yield* act
      const pushed = Effect.gen(function* () {
        yield* target().pass(100)
        yield* Effect.sleep("5 millis")
      })
      for (let tries = 0; tries < 300 && !told(stream).slice(before).some(last); tries++) yield* pushed
      return told(stream).slice(before)
    })

  it.live(
    "statement 201: an unchanged register is told by its evaluation alone, a tag not at all",
    () =>
      Effect.gen(function* () {
        const { id } = yield* stableJob(target())
        const stream = yield* target().stream(
          `/v1/event/stream?topic=Job:${id}&topic=Evaluation:${id}&index=0`
        )
        yield* arrives(() => told(stream)[0], "what was before")
        // Its evaluations are done, and told.
        yield* target().pass(1000)
        yield* Effect.sleep("200 millis")
        const job = yield* getJob(target(), id)
        const unchanged = yield* linesOf(stream, post(target(), job), isDone)
        assert.deepStrictEqual(
          [...new Set(unchanged.flatMap(shown).map(String))],
          ["Evaluation,EvaluationUpdated"]
        )

        const before = told(stream).length
        yield* target().call("POST", `/v1/job/${id}/versions/rel/tag`, { Version: 0 })
        yield* target().pass(500)
        yield* Effect.sleep("200 millis")
        assert.strictEqual(told(stream).length, before)

        const scaling = target().call("POST", `/v1/job/${id}/scale`, { Target: { Group: "g" }, Count: 2 })
        const [first, second] = yield* linesOf(stream, scaling, isDone)
        assert.deepStrictEqual(shown(some(first)), [["Job", "JobRegistered"]])
        assert.deepStrictEqual(shown(some(second)), [["Evaluation", "EvaluationUpdated"]])
        assert.strictEqual(some(second).Index, some(first).Index + 1)

        yield* deployment(target(), id, 1, "successful")
        const purge = target().call("DELETE", `/v1/job/${id}?purge=true`)
        const purged = (yield* linesOf(stream, purge, isGone)).find(isGone)
        assert.strictEqual(some(purged).Events[0]?.Payload.Deleted, true)
      }).pipe(Effect.scoped),
    30_000
  )

  it.live("statement 203: what a stream is asked for, and from where it starts", () =>
    Effect.gen(function* () {
      const id = newId()
      const unknown = yield* target().stream("/v1/event/stream?topic=Nope&index=0")
      const twice = yield* target().stream(`/v1/event/stream?topic=Job:${id}&topic=Job:${id}`)
      yield* arrives(() => unknown.lines[0], "the first line")
      yield* arrives(() => twice.lines[0], "the first line")
      const { json } = yield* post(target(), fixtureJob({ id, count: 0 }))
      const doubled = yield* arrives(
        () => told(twice).find(({ Index }) => Index === json.JobModifyIndex),
        "the job"
      )
      assert.deepStrictEqual(shown(doubled), [
        ["Job", "JobRegistered"],
        ["Job", "JobRegistered"]
      ])
      yield* evaluated(target(), json.EvalID)
      const at = (index: number) =>
        Effect.gen(function* () {
          const stream = yield* target().stream(`/v1/event/stream?topic=*:${id}&index=${index}`)
          yield* arrives(() => stream.lines[0], "the first line")
          yield* target().pass(300)
          yield* Effect.sleep("200 millis")
          return told(stream)
        })
      // One that is in the buffer is sent again; of a stream that begins after all at most the last one is.
      assert.strictEqual((yield* at(json.JobModifyIndex))[0]?.Index, json.JobModifyIndex)
      assert.isAtMost((yield* at(json.JobModifyIndex + 10_000)).length, 1)
      assert.deepStrictEqual(told(unknown), [])
    }).pipe(Effect.scoped)
  )

  it.live(
    "statement 204: what is told of one deployment, from its plan to its end",
    () =>
      Effect.gen(function* () {
        const { id, job } = yield* stableJob(target(), { update: { Canary: 1 } })
        const stream = yield* target().stream(`/v1/event/stream?topic=Deployment:${id}`)
        yield* arrives(() => stream.lines[0], "the first line")
        yield* post(target(), changed(job))
        const { ID } = yield* deployment(target(), id, 1, "running")
        const act = (action: string, body: object) =>
          Effect.map(
            target().call("POST", `/v1/deployment/${action}/${ID}`, { DeploymentID: ID, ...body }),
            (reply) => assert.strictEqual(reply.status, 200, reply.text)
          )
        yield* act("pause", { Pause: true })
        yield* act("pause", { Pause: false })
        const resumed = yield* eventually<DeploymentBody>(target(), `/v1/deployment/${ID}`, isHealthy)
        // That it waits for somebody is not said any more.
        assert.strictEqual(resumed.json.StatusDescription, "Deployment is running")
        yield* act("promote", { All: true })
        yield* deployment(target(), id, 1, "successful")
        const ofIt = () =>
          told(stream)
            .flatMap(({ Events }) => Events)
            .filter((each) => each.Payload.Deployment?.ID === ID && each.Type !== "AllocationUpdated")
        const isOver = () => ofIt().find((each) => each.Payload.Deployment?.Status === "successful")
        yield* arrives(isOver, "the end of the deployment")
        assert.deepStrictEqual(
          ofIt().map(({ Type, Payload }) => `${Type} ${Payload.Deployment?.Status}`),
          [
            "PlanResult running",
            "DeploymentStatusUpdate paused",
            "DeploymentStatusUpdate running",
            "DeploymentPromotion running",
            "PlanResult successful"
          ]
        )
      }).pipe(Effect.scoped),
    30_000
  )
}
