import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { Digest } from "../../src/domain/Digest.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const api = "api" as RepositoryName
const slowly = { minHealthyTime: 20_000 }
const person = { repository: api, by: "ann", from: "" }
const redeploy = (name: string) => ({ request: "redeploy" as const, requestTag: tag(name) })
const isOpen = (story: Story) =>
  Effect.map(story.desired, ({ requestedGeneration }) => requestedGeneration !== null)
const actionsOf = Effect.flatMap(StateStore, (store) => store.audit(api, 100)).pipe(
  Effect.map((entries) => entries.map(({ who, action }) => `${who}: ${action}`).toReversed())
)

describe("a request", () => {
  story(
    "S2: a redeploy registers the tag that runs once more, and each further one once more",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const digest = yield* story.push("v1.0.0")
      yield* story.change(redeploy("v1.0.0"))
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.0.0", digest)])
      assert.isFalse(yield* isOpen(story))
      assert.strictEqual((yield* story.desired).highWaterMark, "v1.0.0")
      yield* story.change(redeploy("v1.0.0"))
      yield* intervals(3)
      assert.deepStrictEqual(yield* story.states, ["succeeded", "succeeded"])
      assert.strictEqual(yield* story.decision, "InSync")
    })
  )

  story(
    "a redeploy takes the digest that its tag has now, whatever a listing says or a pin",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.change({ pinnedTag: tag("stable"), autoDeploy: false })
      yield* story.change(redeploy("v1.0.0"))
      yield* awhile
      const anew = yield* story.push("v1.0.0", "another")
      yield* story.change(redeploy("v1.0.0"))
      assert.strictEqual(yield* story.running, story.at("v1.0.0", anew))
      assert.isFalse(yield* isOpen(story))
    })
  )

  story(
    "a rollback deploys the digest that it names, whatever its tag is now, and sets the mark to it",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const first = yield* story.push("v1.0.0")
      const second = yield* story.push("v1.1.0")
      yield* awhile
      yield* story.push("v1.0.0", "overwritten")
      const hold = {
        by: "ann",
        why: "v1.1.0 is slow",
        until: null,
        resume: "next_version",
        left: null
      } as const
      yield* story.change({
        request: "rollback",
        requestTag: tag("v1.0.0"),
        requestDigest: first,
        hold: { ...hold, left: { tag: tag("v1.1.0"), digest: second } }
      })
      assert.strictEqual(yield* story.running, story.at("v1.0.0", first))
      assert.isFalse(yield* isOpen(story))
      assert.strictEqual((yield* story.desired).highWaterMark, "v1.0.0")
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Wait held")
      assert.strictEqual((yield* story.registered).length, 2)
    })
  )

  story(
    "a rollback to an image that the registry has no more is told, stays open, and stops no new version",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const requestDigest = Digest.make(`sha256:${"d".repeat(64)}`)
      yield* story.change({ request: "rollback", requestTag: tag("v0.9.0"), requestDigest })
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Wait tag_missing")
      assert.include(yield* story.words, "v0.9.0@sha256:ddd")
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.isTrue(yield* isOpen(story))
      assert.strictEqual(yield* story.decision, "Wait tag_missing")
    })
  )

  story(
    "S16: during a rollout it supersedes it at once",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], {}, slowly)
      const second = yield* story.push("v1.1.0")
      yield* story.check
      const old = yield* story.push("old")
      yield* story.change({ pinnedTag: tag("old"), request: "pin" })
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", second), story.at("old", old)])
      yield* awhile
      assert.deepStrictEqual(yield* story.states, ["superseded", "succeeded"])
    })
  )

  story(
    "for what is being rolled out it joins: one deployment, and it closes at once",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], {}, slowly)
      const digest = yield* story.push("v1.1.0")
      yield* story.check
      assert.deepStrictEqual(yield* story.states, ["accepted"])
      for (const request of [redeploy("v1.1.0"), { request: "reset" as const }]) {
        yield* story.change(request)
        assert.isFalse(yield* isOpen(story))
      }
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.deepStrictEqual(yield* story.states, ["succeeded"])
    })
  )

  story(
    "for what cannot be placed it makes a new attempt",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.push("noroom")
      yield* story.change({ pinnedTag: tag("noroom"), request: "pin" })
      yield* pass("20 seconds")
      assert.strictEqual((yield* story.attempts)[0]?.phase, "unplaceable")
      yield* story.change(redeploy("noroom"))
      assert.strictEqual((yield* story.registered).length, 2)
      assert.isFalse(yield* isOpen(story))
    })
  )

  story(
    "for the target of a register that is on its way it closes with that attempt",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const store = yield* StateStore
      const registry = yield* RegistrySimulator
      const clicked = Deployer.of({
        ...deployer,
        register: (edit) =>
          Effect.gen(function* () {
            const registered = yield* deployer.register(edit)
            const requestDigest = yield* registry.push("api", "v1.1.0")
            const pin = { pinnedTag: tag("v1.1.0"), requestTag: tag("v1.1.0"), requestDigest }
            yield* store.change({ ...person, ...pin, request: "pin" })
            return registered
          }).pipe(Effect.orDie)
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"], {}, slowly)
        const digest = yield* story.push("v1.1.0")
        yield* story.check
        assert.deepStrictEqual(yield* story.states, ["accepted"])
        assert.isFalse(yield* isOpen(story))
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      }).pipe(Effect.provideService(Deployer, clicked))
    })
  )

  story(
    "S11: only who names the tag tries a failed digest again; a reset passes it over",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.setOutcome({ image: "v1.1.0", outcome: { _tag: "Exits", code: 1 } })
      const bad = yield* story.push("v1.1.0")
      yield* intervals(3)
      assert.deepStrictEqual(yield* story.states, ["reverted"])
      yield* story.change({ pinnedTag: "", request: "reset" })
      yield* awhile
      assert.deepStrictEqual(yield* story.states, ["reverted"])
      assert.isFalse(yield* isOpen(story))
      yield* nomad.clearOutcomes
      // Nothing lifts it here: the registry may not have said which digest that is.
      yield* story.change(redeploy("v1.1.0"))
      yield* awhile
      assert.strictEqual(yield* story.running, story.at("v1.1.0", bad))
      assert.deepStrictEqual(yield* story.states, ["reverted", "succeeded"])
    })
  )

  story(
    "S14: of two people at once the later has the word, and both are told of",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const digests = { one: yield* story.push("one"), two: yield* story.push("two") }
      const store = yield* StateStore
      const pins = (["one", "two"] as const).map((name) =>
        store.change({ ...person, by: name, pinnedTag: tag(name), request: "pin" })
      )
      yield* Effect.all(pins, { concurrency: "unbounded" })
      yield* awhile
      const { pinnedTag } = yield* story.desired
      assert.strictEqual(yield* story.running, story.at(pinnedTag, digests[pinnedTag as "one"]))
      assert.isFalse(yield* isOpen(story))
      const actions = yield* actionsOf
      assert.includeMembers(actions, ["one: pin", "two: pin"])
    })
  )

  for (const [sentence, known] of [
    ["that nobody looked at yet", false],
    ["that the view knows", true]
  ] as const) {
    story(
      `with a registry that is down, a pin ${sentence} stays open, is told, and is deployed when it is back`,
      Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const registry = yield* RegistrySimulator
        const digest = yield* story.push("stable")
        if (known) {
          yield* story.change({ pinnedTag: tag("stable"), autoDeploy: false })
          yield* story.change({ pinnedTag: "" })
        }
        yield* registry.fault({ image: "api", status: 503 })
        yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
        yield* intervals(5)
        assert.strictEqual(yield* story.decision, "Wait registry_unreachable")
        assert.isTrue(yield* isOpen(story))
        yield* registry.clearFaults
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("stable", digest)])
        assert.isFalse(yield* isOpen(story))
      })
    )
  }

  story(
    "L7: asks a registry that failed before at once, without waiting for its back-off",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      yield* registry.fault({ image: "api", status: 503 })
      yield* intervals(10)
      yield* registry.clearFaults
      const digest = yield* story.push("stable")
      yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
      assert.deepStrictEqual(yield* story.registered, [story.at("stable", digest)])
    })
  )

  story(
    "with a Nomad that is down it stays open, and is deployed when it is back",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      const digest = yield* story.push("stable")
      yield* nomad.inject({ _tag: "NoLeader", hold: 0 })
      yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Wait nomad_unreachable")
      assert.isTrue(yield* isOpen(story))
      yield* nomad.clearFaults
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("stable", digest)])
      assert.isFalse(yield* isOpen(story))
    })
  )

  story(
    "is not closed by being looked at: a tag that is pushed later is deployed then",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.change(redeploy("later"))
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Wait tag_missing")
      assert.isTrue(yield* isOpen(story))
      const digest = yield* story.push("later")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("later", digest)])
    })
  )

  story(
    "L13: that waits is shown beside the rollout that goes on",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], {}, slowly)
      yield* story.push("v1.1.0")
      yield* story.check
      yield* story.change(redeploy("v9.9.9"))
      assert.strictEqual(yield* story.decision, "Follow")
      assert.include(yield* story.words, "the redeploy by ann waits: the registry has no tag v9.9.9")
      yield* awhile
      assert.strictEqual(yield* story.decision, "Wait tag_missing")
      assert.deepStrictEqual(yield* story.states, ["succeeded"])
    })
  )

  story(
    "in mode plan it is kept and told, and registers nothing",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], { mode: "plan" })
      yield* story.push("stable")
      yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Wait plan_mode")
      assert.isTrue(yield* isOpen(story))
      assert.deepStrictEqual(yield* story.registered, [])
    })
  )

  story(
    "a check has the registry asked at once; many are one question, and a host that backs off is left alone",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      const digest = yield* story.push("v1.1.0")
      const { generation } = yield* story.desired
      yield* story.check
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.strictEqual((yield* story.desired).generation, generation)
      yield* pass("20 seconds")
      yield* registry.clearRequests
      const store = yield* StateStore
      yield* Effect.all(
        Array.from({ length: 50 }, () => store.checkNow(api)),
        { concurrency: "unbounded" }
      )
      yield* pass("5 seconds")
      assert.isAtMost((yield* registry.requestCounts).get("api") ?? 0, 4)
      yield* registry.fault({ image: "api", status: 503 })
      yield* intervals(10)
      yield* registry.clearRequests
      for (let n = 0; n < 5; n++) yield* story.check
      assert.isAtMost((yield* registry.requestCounts).get("api") ?? 0, 2)
    })
  )
})
