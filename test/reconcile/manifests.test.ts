import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { tag } from "../decide/situations.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))

describe("the manifest of a target", () => {
  story(
    "L7: a registry that lists and gives no manifest is not asked for it again and again",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      // As Docker Hub answers who pulled too often: listings and HEADs are not counted.
      yield* registry.fault({ on: "manifests", method: "GET", status: 429 })
      const digest = yield* story.push("v1.1.0")
      yield* intervals(2)
      yield* registry.clearRequests
      yield* intervals(5)
      // A listing and a manifest for each delay of 30 to 59 seconds; once a second it would be 600.
      assert.isAtMost((yield* registry.requestCounts).get("api") ?? 0, 25)
      assert.strictEqual(yield* story.decision, "Wait registry_unreachable")
      yield* registry.clearFaults
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "L9: a person's order does not wait for the end of that back-off",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      yield* registry.fault({ on: "manifests", method: "GET", status: 429 })
      const digest = yield* story.push("v1.1.0")
      yield* intervals(6)
      yield* registry.clearFaults
      yield* story.change({ request: "reset" })
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "L1: S10: tags that are listed and have no manifest hide no version below them, however many they are",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      const digest = yield* story.push("v1.1.0")
      const ghosts = ["v2.0.0", "v2.1.0", "v2.2.0", "v2.3.0", "v2.4.0", "v2.5.0", "v2.6.0"]
      const body = JSON.stringify({ name: "api", tags: ["v1.0.0", "v1.1.0", ...ghosts] })
      yield* registry.fault({
        on: "tags",
        status: 200,
        headers: { "content-type": "application/json" },
        body
      })
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.strictEqual(yield* story.decision, "InSync")
    })
  )

  story(
    "S10: a chart at the highest tag is passed over for the next version that is an image",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      yield* story.pushChart("v1.2.0")
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      yield* registry.clearRequests
      yield* intervals(10)
      // One listing each and an hourly look: the chart is not asked for again and again.
      assert.isAtMost((yield* registry.requestCounts).get("api") ?? 0, 12)
      const image = yield* story.push("v1.2.0")
      yield* intervals(62)
      assert.strictEqual(yield* story.running, story.at("v1.2.0", image))
    })
  )

  story(
    "S10: a tag that moves between look and manifest is deployed as the manifest is",
    Effect.gen(function* () {
      const client = yield* RegistryClient
      const registry = yield* RegistrySimulator
      let moved: string | null = null
      const moving = RegistryClient.of({
        ...client,
        resolve: (image, name) =>
          Effect.tap(client.resolve(image, name), () =>
            moved === null && name === "stable"
              ? Effect.map(registry.push("api", "stable", "two"), (digest) => (moved = digest))
              : Effect.void
          )
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        yield* story.push("stable", "one")
        yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("stable", moved ?? "")])
      }).pipe(Effect.provideService(RegistryClient, moving))
    })
  )

  story(
    "S11: a digest in quarantine is not tried under another tag, and its manifest is asked for once",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      yield* story.push("bad", "same")
      yield* story.change({ pinnedTag: tag("bad"), request: "pin" })
      yield* intervals(2)
      yield* story.change({ pinnedTag: "", request: "reset" })
      yield* story.push("v1.1.0", "same")
      yield* intervals(2)
      assert.strictEqual((yield* story.registered).length, 1)
      assert.strictEqual(yield* story.decision, "InSync")
      const digest = yield* story.push("v1.2.0")
      yield* registry.clearRequests
      yield* awhile
      assert.strictEqual((yield* story.registered).at(-1), story.at("v1.2.0", digest))
      // A listing or two, and one manifest.
      assert.isAtMost((yield* registry.requestCounts).get("api") ?? 0, 4)
    })
  )
})
