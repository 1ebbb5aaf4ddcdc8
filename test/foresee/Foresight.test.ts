import { assert, describe } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Foresight } from "../../src/foresee/Foresight.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { interval } from "../reconcile/loop.ts"
import { story } from "../reconcile/story.ts"
import { movable } from "./movable.ts"

/** Jobs that could move, and all that is asked of the registry is counted. */
const begin = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  listed: (atOnce: number) => Effect.Effect<unknown> = () => Effect.void
) {
  const nomad = yield* NomadSimulator
  const registry = yield* RegistrySimulator
  const watched = yield* movable(names)
  const client = yield* RegistryClient
  let atOnce = 0
  let most = 0
  const counting = {
    ...client,
    tags: (repository) =>
      Effect.acquireUseRelease(
        Effect.sync(() => void (most = Math.max(most, ++atOnce))),
        () => Effect.andThen(listed(atOnce), client.tags(repository)),
        () => Effect.sync(() => void --atOnce)
      )
  } satisfies RegistryClient["Service"]
  const context = yield* Layer.build(
    Foresight.layer({ watched, brake: { share: 1, count: 1000 }, pollInterval: interval }).pipe(
      Layer.provide(Layer.succeed(RegistryClient, counting))
    )
  )
  const foresight = yield* Effect.provideContext(Foresight, context)
  return {
    nomad,
    registry,
    most: () => most,
    foretell: (name: string) => foresight.foretell(RepositoryName.make(name)),
    /** Listings that the registry was asked for since they were counted last. */
    asked: Effect.gen(function* () {
      const requests = yield* registry.requests
      yield* registry.clearRequests
      return requests.filter(({ path }) => path.includes("/tags/list")).length
    })
  }
})

const reasonOf = ({ decision }: { readonly decision: { readonly _tag: string } }) =>
  "reason" in decision ? decision.reason : decision._tag

describe("Foresight", () => {
  story(
    "L8: whoever asks for all of them at once is answered, and of one registry four are asked for at a time",
    Effect.gen(function* () {
      const names = Array.from({ length: 24 }, (_, index) => `r${index}`)
      const four = yield* Deferred.make<void>()
      // Nobody goes on before there are four, however slow the machine.
      const { foretell, most } = yield* begin(names, (atOnce) =>
        Effect.andThen(atOnce === 4 ? Deferred.succeed(four, undefined) : Effect.void, Deferred.await(four))
      )
      const told = yield* Effect.forEach(names, foretell, { concurrency: "unbounded" })
      assert.deepStrictEqual([...new Set(told.map(({ foreseen }) => reasonOf(foreseen)))], ["new_version"])
      assert.isTrue(told.every(({ would, retryIn }) => would?.outcome._tag === "Planned" && retryIn === 0))
      assert.strictEqual(most(), 4)
    })
  )

  story(
    "L8: those who ask for the same at the same moment share one answer, who comes later has a new one",
    Effect.gen(function* () {
      const { foretell, asked, registry } = yield* begin(["api"])
      yield* registry.clearRequests
      const same = Array.from({ length: 20 }, () => "api")
      const told = yield* Effect.forEach(same, foretell, { concurrency: "unbounded" })
      assert.strictEqual(new Set(told).size, 1)
      assert.strictEqual(yield* asked, 1)
      yield* registry.push("api", "v1.2.0")
      assert.strictEqual((yield* foretell("api")).would?.tag, "v1.2.0")
      assert.strictEqual(yield* asked, 1)
    })
  )

  story(
    "L7: a registry that did not answer is left alone until its back-off is over, whichever repository it is asked for",
    Effect.gen(function* () {
      const { foretell, asked, registry } = yield* begin(["api", "web"])
      yield* registry.fault({ status: 503 })
      yield* registry.clearRequests
      const first = yield* foretell("api")
      assert.strictEqual(reasonOf(first.foreseen), "registry_unreachable")
      assert.isAbove(first.retryIn, 0)
      assert.strictEqual(yield* asked, 1)
      const second = yield* foretell("web")
      assert.match(second.foreseen.registryFault ?? "", /503.*; it is asked again in 1 s$/)
      assert.isAbove(second.retryIn, 0)
      assert.strictEqual(yield* asked, 0)
      yield* registry.clearFaults
      yield* TestClock.adjust(Duration.millis(second.retryIn))
      const third = yield* foretell("web")
      assert.deepStrictEqual([reasonOf(third.foreseen), third.retryIn], ["new_version", 0])
    })
  )

  story(
    "L7: a registry that asks to wait is waited for as long as it says",
    Effect.gen(function* () {
      const { foretell, registry } = yield* begin(["api"])
      yield* registry.fault({ status: 429, headers: { "retry-after": "30" } })
      assert.strictEqual((yield* foretell("api")).retryIn, 30_000)
    })
  )

  story(
    "L7: Nomad is left alone about a namespace for which it did not answer",
    Effect.gen(function* () {
      const { foretell, nomad } = yield* begin(["api", "web"])
      yield* nomad.inject({ _tag: "Answer", status: 500, body: "No path to region" })
      const reads = Effect.map(nomad.requests, ({ length }) => length)
      const first = yield* foretell("api")
      assert.strictEqual(reasonOf(first.foreseen), "nomad_unreachable")
      const before = yield* reads
      const second = yield* foretell("web")
      assert.match(
        "words" in second.foreseen.decision ? second.foreseen.decision.words : "",
        /No path to region.*; it is asked again in 1 s$/
      )
      assert.isAbove(second.retryIn, 0)
      assert.strictEqual(yield* reads, before)
      yield* nomad.clearFaults
      yield* TestClock.adjust(Duration.millis(second.retryIn))
      assert.strictEqual(reasonOf((yield* foretell("web")).foreseen), "new_version")
    })
  )

  story(
    "L7: so it is where only its plans are not answered, and so is a registry whose manifests are not",
    Effect.gen(function* () {
      const { foretell, nomad, registry } = yield* begin(["api", "web"])
      yield* nomad.inject({ _tag: "Answer", method: "POST", path: "/plan", status: 500, body: "EOF" })
      const first = yield* foretell("api")
      assert.strictEqual(first.would?.outcome._tag, "Untold")
      assert.isAbove(first.retryIn, 0)
      const second = yield* foretell("web")
      assert.strictEqual(reasonOf(second.foreseen), "nomad_unreachable")
      yield* nomad.clearFaults
      yield* TestClock.adjust(Duration.millis(second.retryIn))
      yield* registry.fault({ on: "manifests", status: 503 })
      const third = yield* foretell("api")
      assert.strictEqual(reasonOf(third.foreseen), "registry_unreachable")
      assert.isAbove(third.retryIn, 0)
    })
  )

  story(
    "L6: who finds no turn within ten seconds is told so, and nobody is asked for him",
    Effect.gen(function* () {
      const names = ["a", "b", "c", "d", "e"]
      const four = yield* Deferred.make<void>()
      const { foretell, most } = yield* begin(names, (atOnce) =>
        Effect.andThen(atOnce === 4 ? Deferred.succeed(four, undefined) : Effect.void, Effect.never)
      )
      const [, , , , last] = yield* Effect.forEach(names, (name) =>
        Effect.forkScoped(Effect.flip(foretell(name)))
      )
      assert.isDefined(last)
      // The turns are taken, and none of the four waits for Nomad any more.
      yield* Deferred.await(four)
      yield* TestClock.adjust("10 seconds")
      const crowded = yield* Fiber.join(last)
      assert.strictEqual(crowded._tag, "Crowded")
      assert.match(crowded.message, /not told within 10s: .* registry sim; try again/)
      assert.isAtMost(most(), 4)
    })
  )
})
