import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Deployer, type Registered } from "../../src/deployer/Deployer.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { digestA, digestB, image } from "./jobs.ts"
import {
  deploy,
  eventually,
  images,
  mapping,
  nextId,
  outcome,
  progress,
  registersOf,
  simulated,
  stable,
  to
} from "./simulated.ts"

describe("against a Nomad over HTTP", () => {
  layer(simulated, { excludeTestServices: true })((it) => {
    it.effect("a tag is deployed by digest, once, and succeeds", () =>
      Effect.gen(function* () {
        yield* stable("web")
        const { attempt, registered } = yield* deploy("web", to("1.0.1"))
        assert.strictEqual(registered._tag, "Accepted")
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded", nomadVersion: 1 })
        assert.deepStrictEqual(yield* images("web"), [`${image}:1.0.1@${digestB}`])
        assert.strictEqual(yield* registersOf("web"), 1)
      })
    )

    it.effect("S3: an edit is refused once somebody wrote the job", () =>
      Effect.gen(function* () {
        yield* stable("contended")
        const { edit, attempt } = yield* deploy("contended", to("1.0.1"))
        const again = yield* Deployer.use((deployer) => deployer.register(edit))
        assert.strictEqual(again._tag, "Conflict")
        yield* outcome(attempt)
        assert.strictEqual(yield* registersOf("contended"), 1)
      })
    )

    it.effect("S6: an answer that was lost is settled by the marker, and told by its version", () =>
      Effect.gen(function* () {
        yield* stable("lost")
        const nomad = yield* NomadSimulator
        yield* nomad.inject({ _tag: "Drop", method: "POST", path: "/v1/jobs", times: 1, when: "after" })
        const { attempt, registered } = yield* deploy("lost", to("1.0.1"))
        assert.strictEqual(registered._tag, "Unknown")
        const settled = yield* Deployer.use((deployer) => deployer.settle(attempt))
        assert.deepInclude(settled, { _tag: "Accepted", nomadVersion: 1 })
        const nomadIndex = settled._tag === "Accepted" ? settled.nomadIndex : null
        assert.deepInclude(yield* outcome({ ...attempt, nomadIndex }), { outcome: "succeeded" })
      })
    )

    it.effect("S6: a register that was lost is absent, and a foreign one on top has moved", () =>
      Effect.gen(function* () {
        yield* stable("dropped")
        const nomad = yield* NomadSimulator
        yield* nomad.inject({ _tag: "Drop", method: "POST", path: "/v1/jobs", times: 1, when: "before" })
        const { attempt, registered } = yield* deploy("dropped", to("1.0.1"))
        assert.strictEqual(registered._tag, "Unknown")
        const settle = Deployer.use((deployer) => deployer.settle(attempt))
        assert.strictEqual((yield* settle)._tag, "Absent")
        yield* nomad.register(sampleJob({ id: "dropped", image: `${image}:9.9.9`, minHealthyTime: 50 }))
        assert.strictEqual((yield* settle)._tag, "Moved")
      })
    )

    it.effect("S11: a bad image is reverted, by Nomad alone, to what ran", () =>
      Effect.gen(function* () {
        yield* stable("reverted")
        const good = yield* deploy("reverted", to("1.0.1", digestA))
        yield* outcome(good.attempt)
        const bad = yield* deploy("reverted", to("1.0.2-crash"))
        const ended = yield* outcome(bad.attempt)
        assert.deepInclude(ended, { outcome: "reverted", nomadVersion: 2 })
        assert.strictEqual(
          ended.words,
          "task reverted: exited 1; last line of stderr: panic: no database (Nomad: Failed due to unhealthy allocations - rolling back to job version 1)"
        )
        assert.deepStrictEqual(
          ended.revertedTo.map(({ image: back, digest, marker }) => [back, digest, marker]),
          [[`${image}:1.0.1@${digestA}`, digestA, good.attempt.id]]
        )
        // The copy carries the older marker again: the lowest version with it counts.
        const settled = yield* Deployer.use((deployer) => deployer.settle(good.attempt))
        assert.deepInclude(settled, { _tag: "Accepted", nomadVersion: 1 })
        assert.strictEqual(yield* registersOf("reverted"), 2)
      })
    )

    it.effect("without auto_revert it failed", () =>
      Effect.gen(function* () {
        yield* stable("failing", { autoRevert: false })
        const { attempt } = yield* deploy("failing", to("1.0.1-crash"))
        assert.deepInclude(yield* outcome(attempt), {
          outcome: "failed",
          words:
            "task failing: exited 1; last line of stderr: panic: no database (Nomad: Failed due to unhealthy allocations)",
          blame: "image",
          revertedTo: []
        })
      })
    )

    it.effect("S16: a newer one supersedes one that rolls", () =>
      Effect.gen(function* () {
        yield* stable("hurried")
        const first = yield* deploy("hurried", to("1.0.1-slow"))
        yield* eventually(
          progress(first.attempt),
          (told) => told?._tag === "Rolling" && told.deploymentId !== null
        )
        const second = yield* deploy("hurried", to("1.0.2"))
        assert.deepInclude(yield* outcome(first.attempt), {
          outcome: "superseded",
          words: "Cancelled due to newer version of job"
        })
        assert.deepInclude(yield* outcome(second.attempt), { outcome: "succeeded" })
      })
    )

    it.effect("S5: a scale in between is a conflict, and its count stays", () =>
      Effect.gen(function* () {
        yield* stable("scaled")
        const { url } = yield* NomadSimulator
        const deployer = yield* Deployer
        const { base } = yield* deployer.observe(mapping("scaled"))
        assert.isDefined(base)
        const edit = yield* deployer.edit(base, to("1.0.1"), nextId())
        const body = JSON.stringify({ Count: 3, Target: { Group: "scaled" } })
        yield* Effect.promise(() => fetch(`${url}/v1/job/scaled/scale`, { method: "POST", body }))
        assert.strictEqual((yield* deployer.register(edit))._tag, "Conflict")
        const { attempt } = yield* deploy("scaled", to("1.0.1"))
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded" })
        const read = yield* Effect.promise(() => fetch(`${url}/v1/job/scaled`).then((got) => got.json()))
        assert.strictEqual((read as { TaskGroups: [{ Count: number }] }).TaskGroups[0].Count, 3)
      })
    )

    it.effect("a job without deployments is followed by its allocations", () =>
      Effect.gen(function* () {
        const nomad = yield* NomadSimulator
        const update = { MaxParallel: 0 }
        yield* nomad.register(sampleJob({ id: "plain", image: `${image}:1.0.0`, minHealthyTime: 50, update }))
        const good = yield* deploy("plain", to("1.0.1"))
        assert.deepInclude(yield* outcome(good.attempt), { outcome: "succeeded", deploymentId: null })
        const bad = yield* deploy("plain", to("1.0.2-crash"))
        assert.deepInclude(yield* outcome(bad.attempt), { outcome: "failed", deploymentId: null })
      })
    )

    it.effect.each<[string, Parameters<NomadSimulator["Service"]["inject"]>[0], Registered["_tag"]]>([
      ["no leader", { _tag: "NoLeader", method: "POST", hold: 0, times: 1 }, "NotApplied"],
      ["429", { _tag: "TooManyConnections", method: "POST", times: 1 }, "NotApplied"]
    ])("S6: %s leaves the job as it was", ([name, fault, expected]) =>
      Effect.gen(function* () {
        yield* stable(`fault ${name}`.replaceAll(" ", "-"))
        yield* (yield* NomadSimulator).inject({ ...fault, path: "/v1/jobs" })
        const { attempt, registered } = yield* deploy(`fault ${name}`.replaceAll(" ", "-"), to("1.0.1"))
        assert.strictEqual(registered._tag, expected)
        assert.deepStrictEqual(yield* Deployer.use((deployer) => deployer.settle(attempt)), {
          _tag: "Absent"
        })
      })
    )

    it.effect("indexes have every job, and move with it", () =>
      Effect.gen(function* () {
        yield* stable("listed")
        const indexes = Deployer.use((deployer) => deployer.indexes({ region: "", namespace: "default" }))
        const before = (yield* indexes).get("listed")
        assert.isDefined(before)
        const { attempt } = yield* deploy("listed", to("1.0.1"))
        yield* outcome(attempt)
        assert.isAbove((yield* indexes).get("listed") ?? 0, before)
      })
    )

    it.effect("purged and made again, an attempt is settled as moved and told as superseded", () =>
      Effect.gen(function* () {
        yield* stable("reborn")
        const { attempt } = yield* deploy("reborn", to("1.0.1"))
        yield* outcome(attempt)
        const { url } = yield* NomadSimulator
        yield* Effect.promise(() => fetch(`${url}/v1/job/reborn?purge=true`, { method: "DELETE" }))
        const settle = Deployer.use((deployer) => deployer.settle(attempt))
        assert.deepInclude(yield* settle, { _tag: "Moved", words: "the job is gone" })
        yield* stable("reborn")
        assert.deepInclude(yield* settle, { _tag: "Moved", words: "the job was purged and made again" })
        assert.deepInclude(yield* outcome(attempt), { outcome: "superseded" })
      })
    )
  })
})
