import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { NomadSimulator, quickTimings } from "../../src/sim/NomadSimulator.ts"
import { digestA, image, type Json } from "./jobs.ts"
import { deploy, eventually, outcome, progress, simulatedWith, stable, to } from "./simulated.ts"

describe("S11: two repositories of one job", () => {
  layer(simulatedWith(quickTimings), { excludeTestServices: true })((it) => {
    it.effect("a rollback ends both attempts; only the one whose own task failed is to blame", () =>
      Effect.gen(function* () {
        const others = [{ task: "side", image: "reg.example.com/side:1", group: "second" }]
        yield* stable("both", { others, minHealthyTime: 1_000 })
        const nomad = yield* NomadSimulator
        yield* nomad.setOutcome({
          job: "both",
          task: "side",
          image: "side:2",
          outcome: { _tag: "Exits", code: 7 }
        })
        const first = yield* deploy("both", to("1.0.1", digestA))
        yield* eventually(
          progress(first.attempt),
          (told) => told?._tag === "Rolling" && told.deploymentId !== null
        )
        const second = yield* deploy("both", to("2"), { imageNames: ["reg.example.com/side"] })
        const happened =
          "task side: exited 7 (Nomad: Failed due to unhealthy allocations - rolling back to job version 0)"
        assert.deepInclude(yield* outcome(first.attempt), {
          outcome: "reverted",
          blame: "others",
          nomadVersion: 1
        })
        const own = yield* outcome(second.attempt)
        assert.deepInclude(own, { outcome: "reverted", blame: "image", nomadVersion: 2, words: happened })
      })
    )
  })
})

describe("T16: a rollback that comes before a register is scheduled", () => {
  // Long enough for three requests between a register and its evaluation.
  layer(simulatedWith({ ...quickTimings, evaluation: 400 }), { excludeTestServices: true })((it) => {
    it.effect("S11: T16: statement 112: the register is swallowed, the attempt that failed reverted", () =>
      Effect.gen(function* () {
        // Its deadline, five times that, is not to fail the deployment first.
        yield* stable("race", { minHealthyTime: 1_000 })
        const { url } = yield* NomadSimulator
        const first = yield* deploy("race", to("1.0.1-slow", digestA))
        const rolls = yield* eventually(
          progress(first.attempt),
          (told) => told?._tag === "Rolling" && told.deploymentId !== null
        )
        const second = yield* deploy("race", to("1.0.2"))
        yield* Effect.promise(() =>
          fetch(`${url}/v1/deployment/fail/${rolls?.deploymentId}`, { method: "POST", body: "{}" })
        )
        const swallowed = yield* outcome(second.attempt)
        assert.deepInclude(swallowed, {
          outcome: "superseded",
          swallowed: true,
          blame: null,
          nomadVersion: 2,
          words: "Nomad's rollback to job version 0 came before it was rolled out"
        })
        assert.deepStrictEqual(
          swallowed.revertedTo.map((task) => task.image),
          [`${image}:1.0.0`]
        )
        assert.deepInclude(yield* outcome(first.attempt), {
          outcome: "reverted",
          swallowed: false,
          blame: "image",
          words: "Deployment marked as failed - rolling back to job version 0"
        })
        const settled = yield* Deployer.use((deployer) => deployer.settle(second.attempt))
        assert.deepInclude(settled, { _tag: "Accepted", nomadVersion: 2 })
        const made = Effect.map(
          Effect.promise(() =>
            fetch(`${url}/v1/job/race/deployments`).then((got) => got.json() as Promise<ReadonlyArray<Json>>)
          ),
          (list) => list.map(({ JobVersion }) => Number(JobVersion)).toSorted((a, b) => a - b)
        )
        assert.deepStrictEqual(yield* eventually(made, (versions) => versions.includes(3)), [0, 1, 3])
      })
    )
  })
})
