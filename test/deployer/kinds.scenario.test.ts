import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { NomadSimulator, quickTimings } from "../../src/sim/NomadSimulator.ts"
import { digestA, digestB, image, type Json } from "./jobs.ts"
import { call, deploymentsOf, imagesOf, jobOf, settledJob } from "./kinds.ts"
import { deploy, eventually, outcome, progress, registersOf, simulatedWith, to } from "./simulated.ts"

const now = `${image}:1.0.1@${digestB}`

describe("every kind of job", () => {
  layer(simulatedWith(quickTimings, { namespaces: ["team"] }), { excludeTestServices: true })((it) => {
    it.effect("system: its deployment tells", () =>
      Effect.gen(function* () {
        yield* (yield* NomadSimulator).register(jobOf("daemon", "system"))
        yield* settledJob("daemon")
        const good = yield* outcome((yield* deploy("daemon", to("1.0.1"))).attempt)
        assert.deepInclude(good, { outcome: "succeeded", words: "Deployment completed successfully" })
        const bad = yield* outcome((yield* deploy("daemon", to("1.0.2-crash"))).attempt)
        assert.deepInclude(bad, { outcome: "reverted", blame: "image" })
        assert.deepStrictEqual(yield* imagesOf("daemon"), [now])
      })
    )

    it.effect(
      "T11: system after a failed deployment: no later version has one, and its allocations tell",
      () =>
        Effect.gen(function* () {
          yield* (yield* NomadSimulator).register(jobOf("stalled", "system", {}, { autoRevert: false }))
          yield* settledJob("stalled")
          const bad = yield* outcome((yield* deploy("stalled", to("1.0.1-crash"))).attempt)
          assert.deepInclude(bad, { outcome: "failed", blame: "image" })
          const made = yield* deploymentsOf("stalled")
          const good = yield* outcome((yield* deploy("stalled", to("1.0.2"))).attempt)
          assert.deepInclude(good, { outcome: "succeeded", deploymentId: null })
          assert.strictEqual(yield* deploymentsOf("stalled"), made)
        })
    )

    for (const type of ["batch", "sysbatch"] as const) {
      it.effect(`${type}: a finished one runs again, and how that ends tells`, () =>
        Effect.gen(function* () {
          const nomad = yield* NomadSimulator
          yield* nomad.setOutcome({ job: type, image: ":1.0", outcome: { _tag: "Exits", code: 0 } })
          yield* nomad.register(jobOf(type, type))
          yield* settledJob(type)
          const good = yield* outcome((yield* deploy(type, to("1.0.1"))).attempt)
          assert.deepInclude(good, {
            outcome: "succeeded",
            words: "every allocation ended well, or none was due"
          })
          const bad = yield* outcome((yield* deploy(type, to("2.0.0-crash"))).attempt)
          assert.deepInclude(bad, { outcome: "failed", blame: "image", deploymentId: null })
          assert.strictEqual(yield* deploymentsOf(type), 0)
        })
      )
    }

    it.effect.each<readonly [string, Json]>([
      ["periodic", { Periodic: { Specs: ["0 0 1 1 *"] } }],
      ["parameterized", { ParameterizedJob: { Payload: "optional" } }]
    ])("%s: a parent runs nothing itself, so that it succeeds on acceptance", ([id, parent]) =>
      Effect.gen(function* () {
        yield* (yield* NomadSimulator).register(jobOf(id, "batch", parent))
        const { attempt, registered } = yield* deploy(id, to("1.0.1"))
        assert.deepInclude(registered, { _tag: "Accepted", evalId: null })
        assert.deepInclude(yield* outcome(attempt), {
          outcome: "succeeded",
          words: "its next run has the new image"
        })
        assert.deepStrictEqual(yield* imagesOf(id), [now])
      })
    )

    it.effect("max_parallel = 0: all at once, without a deployment, which its allocations tell", () =>
      Effect.gen(function* () {
        const of = { count: 3, update: { MaxParallel: 0 } }
        yield* (yield* NomadSimulator).register(jobOf("at-once", "service", {}, of))
        yield* settledJob("at-once")
        const { attempt } = yield* deploy("at-once", to("1.0.1"))
        assert.deepInclude(yield* outcome(attempt), {
          outcome: "succeeded",
          deploymentId: null,
          words: "every allocation ran for its min_healthy_time"
        })
        const failing = yield* deploy("at-once", to("1.0.2-crash"))
        assert.deepInclude(yield* outcome(failing.attempt), { outcome: "failed", blame: "image" })
        // Nomad rolls nothing back without one.
        assert.deepStrictEqual(yield* imagesOf("at-once"), [`${image}:1.0.2-crash@${digestB}`])
      })
    )

    it.effect("S22: several tasks and groups of one image: one register, and one outcome", () =>
      Effect.gen(function* () {
        const others = [
          { task: "worker", image: `${image}:1.0.0` },
          { task: "cron", image: `${image}:1.0.0`, group: "second" },
          { task: "proxy", image: "redis:7", group: "second" }
        ]
        yield* (yield* NomadSimulator).register(jobOf("many", "service", {}, { others }))
        yield* settledJob("many")
        const { attempt } = yield* deploy("many", to("1.0.1"))
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded" })
        assert.deepStrictEqual(yield* imagesOf("many"), [now, now, now, "redis:7"])
        assert.strictEqual(yield* registersOf("many"), 1)
        yield* (yield* NomadSimulator).setOutcome({
          job: "many",
          task: "cron",
          image: ":1.0.2",
          outcome: { _tag: "Exits", code: 3 }
        })
        const bad = yield* outcome((yield* deploy("many", to("1.0.2", digestA))).attempt)
        assert.deepInclude(bad, { outcome: "reverted", blame: "image" })
        assert.deepStrictEqual(yield* imagesOf("many"), [now, now, now, "redis:7"])
      })
    )

    it.effect("T7: a namespace: its job is the one that is read, written and followed", () =>
      Effect.gen(function* () {
        const nomad = yield* NomadSimulator
        for (const Namespace of ["default", "team"])
          yield* nomad.register(jobOf("same", "service", { Namespace }))
        const job = { region: "global", namespace: "team", job: "same" }
        const { attempt } = yield* deploy("same", to("1.0.1"), { job })
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded" })
        assert.deepStrictEqual(yield* imagesOf("same", "team"), [now])
        assert.deepStrictEqual(yield* imagesOf("same"), [`${image}:1.0.0`])
      })
    )

    it.effect("T4: a version's tag stays its own", () =>
      Effect.gen(function* () {
        yield* (yield* NomadSimulator).register(jobOf("tagged", "service"))
        yield* settledJob("tagged")
        yield* call("/v1/job/tagged/versions/golden/tag", "POST", { Version: 0 })
        yield* outcome((yield* deploy("tagged", to("1.0.1"))).attempt)
        const { Versions } = yield* call<{ readonly Versions: ReadonlyArray<Json> }>(
          "/v1/job/tagged/versions"
        )
        assert.deepStrictEqual(
          Versions.map(({ VersionTag }) => (VersionTag as Json | null)?.["Name"] ?? null),
          [null, "golden"]
        )
      })
    )

    it.effect("T10: what no node can run is unplaceable, until there is room", () =>
      Effect.gen(function* () {
        const nomad = yield* NomadSimulator
        yield* nomad.register(jobOf("roomless", "service"))
        yield* settledJob("roomless")
        const { attempt } = yield* deploy("roomless", to("1.0.1-noroom"))
        const stuck = yield* eventually(
          progress(attempt),
          (told) => told?._tag === "Rolling" && told.phase === "unplaceable"
        )
        assert.match(stuck?.words ?? "", /^no node can run it: group "roomless": memory/)
        yield* nomad.setOutcome({ job: "roomless", outcome: { _tag: "Healthy" } })
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded" })
        yield* nomad.clearOutcomes
      })
    )

    it.effect("T8: an evaluation that names an older deployment tells nothing of this one", () =>
      Effect.gen(function* () {
        const nomad = yield* NomadSimulator
        yield* nomad.register(jobOf("stale", "service"))
        yield* settledJob("stale")
        yield* outcome((yield* deploy("stale", to("1.0.1"))).attempt)
        // Nothing but the older one's deployment is there for a while.
        yield* nomad.pauseEvaluations(true)
        const { attempt, registered } = yield* deploy("stale", to("1.0.2", digestA))
        assert.strictEqual(registered._tag, "Accepted")
        assert.deepInclude(yield* progress(attempt), {
          _tag: "Rolling",
          deploymentId: null,
          nomadVersion: 2,
          words: "being scheduled"
        })
        yield* nomad.pauseEvaluations(false)
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded", nomadVersion: 2 })
      })
    )
  })
})
