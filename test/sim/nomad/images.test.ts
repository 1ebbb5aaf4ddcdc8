import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { sampleJob } from "../../../src/sim/NomadSimulator.ts"
import { readReference } from "../../../src/sim/nomad/imageReference.ts"
import { type JsonObject, textOf } from "../../../src/sim/nomad/Json.ts"
import { makeNodeImages } from "../../../src/sim/nomad/NodeImages.ts"
import { featuresOf } from "../../../src/sim/nomad/ServerVersion.ts"
import { ask, listOf, type Nomad, withNomad } from "./asking.ts"

const [one, two] = ["1", "2"].map((digit) => `sha256:${digit.repeat(64)}`)
const hex = "a".repeat(32)

describe("references of images", () => {
  it.each([
    ["repo", ["repo", "latest", ""]],
    ["repo:1", ["repo", "1", ""]],
    ["host:5000/a/repo", ["host:5000/a/repo", "latest", ""]],
    [`repo@sha256:${hex}`, ["repo", "", `sha256:${hex}`]],
    [`repo:1@sha256:${hex}`, ["repo", "1", `sha256:${hex}`]],
    ["UPPER/x", ["UPPER/x", "latest", ""]],
    ["UPPER", undefined],
    ["http://host/repo:1", undefined],
    ["repo:", undefined],
    ["repo@sha256:abc", undefined],
    ["", undefined]
  ] as const)("%s", (image, expected) => {
    const read = readReference(image)
    assert.deepStrictEqual(read && [read.repository, read.tag, read.digest], expected && [...expected])
  })
})

const imagesOf = (version = "2.0.6") => makeNodeImages(featuresOf(version) ?? (() => true))

/** Pulls once, then asks again. */
const again = (image: string, force = false) => {
  const images = imagesOf()
  const first = images.prepare(image, force)
  if (first.is === "pull") first.done?.()
  return images.prepare(image, force).is
}

describe("what docker does for a start", () => {
  it.each([
    ["repo", false, "pull"],
    ["repo:latest", false, "pull"],
    ["repo:1", false, "local"],
    ["https://repo:1", false, "local"],
    ["repo:1", true, "pull"],
    [`repo@sha256:${hex}`, false, "local"],
    [`repo:1@sha256:${hex}`, false, "local"],
    [`repo:latest@sha256:${hex}`, false, "local"]
  ] as const)("the second time for %s, forced %s: %s", (image, force, is) => {
    assert.strictEqual(again(image, force), is)
  })

  it.each([
    ["2.0.6", `repo@${one}`, undefined],
    // By its tag; what was asked for is not found after that, and no other image runs in its place.
    ["1.9.6", "repo:1", `Error response from daemon: No such image: repo:1@${one}`]
  ])("a moved tag and its old digest on a client of %s: pulled as %s", (version, name, words) => {
    const images = imagesOf(version)
    images.push({ repository: "repo", tag: "1", digest: one ?? "", stdout: "one" })
    images.push({ repository: "repo", tag: "1", digest: two ?? "", stdout: "two" })
    const prepared = images.prepare(`repo:1@${one}`, false)
    assert.deepStrictEqual(prepared.is === "pull" && [prepared.name, prepared.words], [name, words])
    const moved = images.prepare(`repo:1@${two}`, false)
    assert.deepStrictEqual(moved.is === "pull" && [moved.words, moved.done?.()], [undefined, "two"])
  })

  it("what was pulled by digest has no tag, and what was pruned is pulled again", () => {
    const images = imagesOf()
    images.push({ repository: "repo", tag: "1", digest: one ?? "" })
    const pull = (image: string) => {
      const prepared = images.prepare(image, false)
      if (prepared.is === "pull") prepared.done?.()
      return prepared.is
    }
    assert.deepStrictEqual([pull(`repo:1@${one}`), pull("repo:1"), pull("repo:1")], ["pull", "pull", "local"])
    images.prune()
    assert.strictEqual(pull("repo:1"), "pull")
  })
})

const events = (nomad: Nomad) =>
  Effect.map(ask(nomad, "GET", "/v1/job/web/allocations"), (answer) => {
    const newest = listOf(answer).toSorted((a, b) => Number(b["CreateIndex"]) - Number(a["CreateIndex"]))[0]
    const states = (newest?.["TaskStates"] ?? {}) as JsonObject
    const state = states["web"] as JsonObject
    return (state["Events"] as ReadonlyArray<JsonObject>).map((each) => textOf(each["DisplayMessage"]))
  })

const job = (A: string) => ({ ...sampleJob({ id: "web", image: "reg/web:1" }), Meta: { A } })

describe("images in the cluster", () => {
  it.effect("an image that the node has is not downloaded again", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* nomad.register(job("1")).pipe(Effect.orDie)
        yield* TestClock.adjust("10 seconds")
        assert.include(yield* events(nomad), "Downloading image")
        yield* nomad.register(job("2")).pipe(Effect.orDie)
        yield* TestClock.adjust("10 seconds")
        assert.notInclude(yield* events(nomad), "Downloading image")
        // One that fails to be pulled cannot be there.
        yield* nomad.setOutcome({ job: "web", outcome: { _tag: "PullFails" } })
        yield* nomad.register(job("3")).pipe(Effect.orDie)
        yield* TestClock.adjust("5 seconds")
        assert.include(yield* events(nomad), "Downloading image")
      })
    )
  )

  it.effect("a digest that no registry has fails in the words of what was asked for", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* nomad.pushImage({ repository: "reg/web", tag: "1", digest: one ?? "" })
        yield* nomad.register(sampleJob({ id: "web", image: `reg/web:1@${two}` })).pipe(Effect.orDie)
        yield* TestClock.adjust("10 seconds")
        const words = `manifest for reg/web@${two} not found: manifest unknown: manifest unknown`
        assert.include(
          yield* events(nomad),
          `Failed to pull \`reg/web:1@${two}\`: Error response from daemon: ${words}`
        )
      })
    )
  )
})
