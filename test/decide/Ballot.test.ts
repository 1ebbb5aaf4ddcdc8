import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Ballot, isCommitHash } from "../../src/decide/Ballot.ts"
import { parseVersion } from "../../src/decide/version.ts"
import { tag } from "./situations.ts"

const none: ReadonlySet<never> = new Set<never>()
const shapeOf = (text: string) => parseVersion(tag(text))?.shape ?? null
const highest = (
  following: string | null,
  listed: ReadonlyArray<string>,
  excluded: ReadonlyArray<string> = []
) =>
  new Ballot(listed.map(tag)).highest(
    following === null ? null : shapeOf(following),
    new Set(excluded.map(tag))
  )?.tag ?? null

describe("Ballot", () => {
  it.each([
    ["numbers, not letters, are compared", "1.9.0", ["1.10.0", "1.9.0", "1.2.0"], "1.10.0"],
    [
      "pre-releases stay out",
      "1.0.0",
      ["1.0.0", "1.1.0-rc.1", "1.1.0-beta", "1.2.0-dev", "1.3.0-1"],
      "1.0.0"
    ],
    ["the letter v is kept", "v1.0.0", ["v1.0.0", "2.0.0"], "v1.0.0"],
    ["no letter v is kept as well", "1.0.0", ["1.0.0", "v2.0.0"], "1.0.0"],
    ["the number of parts is kept", "1.2", ["1.2", "1.3", "1.10.5", "2", "20240101"], "1.3"],
    [
      "what an image is built on is kept",
      "1.2.0-alpine",
      ["1.2.0-alpine", "1.3.0-alpine", "1.4.0", "1.5.0-slim"],
      "1.3.0-alpine"
    ],
    ["no version, no election", "1.0.0", ["latest", "main", "1.2.3.4", "01.2.3", "1.x"], null],
    ["without a shape the most parts win", null, ["20240101", "1.2", "1.2.3", "v1.2.4"], "v1.2.4"],
    ["without a shape nothing with a suffix is taken", null, ["1.2.3-alpine"], null],
    ["signatures are no versions", null, [`sha256-${"a".repeat(64)}.sig`, "1.0.0"], "1.0.0"]
  ] satisfies ReadonlyArray<readonly [string, string | null, ReadonlyArray<string>, string | null]>)(
    "%s",
    (_, following, listed, expected) => assert.strictEqual(highest(following, listed), expected)
  )

  it("passes over what is excluded", () =>
    assert.strictEqual(highest("1.0.0", ["1.0.0", "1.1.0", "1.2.0"], ["1.2.0"]), "1.1.0"))

  it("gives every tag its verdict", () => {
    const listed = [
      "1.0.0",
      "1.1.0",
      "1.2.0",
      "1.3.0-rc.1",
      "v9.0.0",
      "latest",
      `sha256-${"a".repeat(64)}.sig`
    ].map(tag)
    const verdicts = new Ballot(listed).verdicts(tag("1.1.0"), shapeOf("1.0.0"), new Set([tag("1.2.0")]))
    assert.deepStrictEqual(
      verdicts.map(({ verdict }) => verdict),
      ["older", "elected", "quarantined", "prerelease", "other_shape", "not_a_version", "artifact"]
    )
  })

  it.each([
    ["a1b2c3d", true],
    ["1234567", false],
    ["deadbeefcafe", true],
    ["v1.0.0", false],
    ["abc", false]
  ] as const)("%s looks like a commit's hash: %s", (text, expected) =>
    assert.strictEqual(isCommitHash(tag(text)), expected)
  )

  const version = Schema.Struct({ major: Schema.Literals([1, 2, 10]), minor: Schema.Literals([0, 2, 9, 11]) })
  const drawn = Schema.Array(version)
  const names = (versions: typeof drawn.Type) => [
    ...new Set(versions.map(({ major, minor }) => tag(`v${major}.${minor}.0`)))
  ]
  it.prop("an update ends as a new ballot of the same tags would", [drawn, drawn], ([before, after]) => {
    const ballot = new Ballot(names(before))
    ballot.update(names(after))
    const fresh = new Ballot(names(after))
    return (
      ballot.highest(shapeOf("v1.0.0"), none)?.tag === fresh.highest(shapeOf("v1.0.0"), none)?.tag &&
      [...ballot.tags].toSorted().join() === [...fresh.tags].toSorted().join()
    )
  })
})
