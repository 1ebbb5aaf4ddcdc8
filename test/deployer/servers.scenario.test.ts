import { assert, describe, layer } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { Fault, NomadSimulator, quickTimings } from "../../src/sim/NomadSimulator.ts"
import { digestA, digestB, image, type Json } from "./jobs.ts"
import { call, imagesOf, jobOf, settledJob } from "./kinds.ts"
import { deploy, eventually, outcome, simulatedWith, to } from "./simulated.ts"

const text = (of: string) =>
  `job "web" {\n  group "web" {\n    task "web" {\n      config { image = "${of}" }\n    }\n  }\n}\n`

/** Registered by a person who has the tokens. */
const usingVault = (id: string) => {
  const job = jobOf(id, "service")
  const groups = job["TaskGroups"] as unknown as ReadonlyArray<{ readonly Tasks: ReadonlyArray<Json> }>
  const TaskGroups = groups.map((group) => ({
    ...group,
    Tasks: group.Tasks.map((task) => ({ ...task, Vault: { Policies: ["web"] } }))
  }))
  return call("/v1/jobs", "POST", { Job: { ...job, TaskGroups, VaultToken: "ann's" } })
}

const now = `${image}:1.0.1@${digestB}`
const isBefore = (a: string, b: string) => a.localeCompare(b, "en", { numeric: true }) < 0

const sourceOf = (of: number) =>
  Effect.map(call<{ readonly Source?: string } | string>(`/v1/job/web/submission?version=${of}`), (found) =>
    typeof found === "string" ? "none" : found.Source
  )

describe("servers of every version that differs (nomad-api.md §0.1)", () => {
  const versions = ["1.5.17", "1.6.0", "1.8.0", "1.9.7", "1.10.0", "1.11.0", "2.0.0"]
  for (const version of versions) {
    const vaultToken = Redacted.make("v4ult")
    const options = { version, requiresTokens: { vault: true } }
    layer(simulatedWith(quickTimings, options, { vaultToken }), { excludeTestServices: true })((it) => {
      it.effect(`${version}: deploys, sees what Nomad rolls back, and keeps the source true`, () =>
        Effect.gen(function* () {
          const Submission = { Source: text(`${image}:1.0.0`), Format: "hcl2" }
          yield* call("/v1/jobs", "POST", { Job: jobOf("web", "service"), Submission })
          yield* settledJob("web")
          const good = yield* outcome((yield* deploy("web", to("1.0.1"))).attempt)
          assert.deepInclude(good, { outcome: "succeeded", nomadVersion: 1 })
          const bad = yield* outcome((yield* deploy("web", to("1.0.2-crash", digestA))).attempt)
          assert.deepInclude(bad, { outcome: "reverted", blame: "image", nomadVersion: 2 })
          assert.deepStrictEqual(yield* imagesOf("web"), [now])
          const kept = isBefore(version, "1.6.0")
            ? ["none", "none"]
            : [text(now), text(`${image}:1.0.2-crash@${digestA}`)]
          assert.deepStrictEqual([yield* sourceOf(1), yield* sourceOf(2)], kept)
        })
      )

      it.effect(`${version}: a job without a source gets none`, () =>
        Effect.gen(function* () {
          yield* (yield* NomadSimulator).register(jobOf("bare", "service"))
          yield* settledJob("bare")
          yield* outcome((yield* deploy("bare", to("1.0.1"))).attempt)
          assert.isString(yield* call("/v1/job/bare/submission?version=1"))
        })
      )

      it.effect(`${version}: a system job is told by its deployment where the server makes one`, () =>
        Effect.gen(function* () {
          yield* (yield* NomadSimulator).register(jobOf("daemon", "system"))
          yield* settledJob("daemon")
          const ended = yield* outcome((yield* deploy("daemon", to("1.0.1"))).attempt)
          assert.deepStrictEqual(
            [ended.outcome, ended.deploymentId === null],
            ["succeeded", isBefore(version, "1.11.0")]
          )
        })
      )

      it.effect(`${version}: a job that uses Vault is registered with VAULT_TOKEN, which is not stored`, () =>
        Effect.gen(function* () {
          yield* usingVault("secret")
          yield* settledJob("secret")
          const { attempt, registered } = yield* deploy("secret", to("1.0.1"))
          assert.strictEqual(registered._tag, "Accepted")
          assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded" })
          const stored = yield* (yield* NomadSimulator).job("default", "secret")
          assert.notStrictEqual(stored?.["VaultToken"], "v4ult")
        })
      )
    })
  }

  const old = { version: "1.9.7", requiresTokens: { vault: true } }
  layer(simulatedWith(quickTimings, old), { excludeTestServices: true })((it) => {
    it.effect("1.9.7: without the token that it asks for it refuses the job, in its words", () =>
      Effect.gen(function* () {
        yield* usingVault("secret")
        const { registered } = yield* deploy("secret", to("1.0.1"))
        assert.strictEqual(registered._tag, "Rejected")
        assert.include("words" in registered ? registered.words : "", "missing Vault token")
      })
    )
  })
})

/** Long enough for another register to pass between the look and the write. */
const slowLog = Fault.cases.SlowLog.make({ method: "POST", path: "/v1/jobs", millis: 1_500, times: 1 })
const settle = (attempt: Attempt) => Deployer.use((deployer) => deployer.settle(attempt))
const foreign = (id: string) => jobOf(id, "service", {}, { image: `${image}:9.9.9`, minHealthyTime: 5_000 })

describe("a server that looks at check-and-set before the log alone (until 2.0.1)", () => {
  layer(simulatedWith(quickTimings, { version: "2.0.0" }), { excludeTestServices: true })((it) => {
    it.effect(
      "S4: S6: ours is written over by a register that both passed: superseded, and found by its marker",
      () =>
        Effect.gen(function* () {
          const nomad = yield* NomadSimulator
          yield* nomad.register(jobOf("over", "service", {}, { minHealthyTime: 5_000 }))
          yield* settledJob("over")
          const read = yield* nomad.job("default", "over")
          yield* nomad.inject(slowLog)
          const theirs = yield* Effect.forkChild(
            call("/v1/jobs", "POST", {
              Job: foreign("over"),
              EnforceIndex: true,
              JobModifyIndex: read?.JobModifyIndex
            })
          )
          yield* eventually(nomad.requests, (all) => all.at(-1)?.method === "POST")
          const { attempt, registered } = yield* deploy("over", to("1.0.1"))
          assert.strictEqual(registered._tag, "Accepted")
          assert.isObject(yield* Fiber.join(theirs))
          assert.deepStrictEqual(yield* imagesOf("over"), [`${image}:9.9.9`])
          const settled = yield* settle(attempt)
          assert.deepInclude(settled, { _tag: "Accepted", nomadVersion: 1 })
          assert.deepInclude(yield* outcome(attempt), { outcome: "superseded", blame: null })
        })
    )

    it.effect("S4: of two of ours with one index each is one version, found by its own marker", () =>
      Effect.gen(function* () {
        const nomad = yield* NomadSimulator
        yield* nomad.register(jobOf("twice", "service"))
        yield* settledJob("twice")
        yield* nomad.inject(slowLog)
        const before = (yield* nomad.requests).length
        const slow = yield* Effect.forkChild(deploy("twice", to("1.0.1")))
        yield* eventually(nomad.requests, (all) => all.slice(before).some(({ method }) => method === "POST"))
        const quick = yield* deploy("twice", to("1.0.1"))
        const late = yield* Fiber.join(slow)
        assert.deepInclude(yield* settle(quick.attempt), { _tag: "Accepted", nomadVersion: 1 })
        assert.deepInclude(yield* settle(late.attempt), { _tag: "Accepted", nomadVersion: 2 })
      })
    )
  })
})
