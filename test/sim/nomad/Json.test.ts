import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Json, parseJson, printJson, sameJson } from "../../../src/sim/nomad/Json.ts"
import { goDuration, parseGoDuration, rfc3339 } from "../../../src/sim/nomad/time.ts"

describe("JSON as Nomad has it", () => {
  it.prop("what was printed is read again", [Schema.Json], ([value]) =>
    sameJson(parseJson(printJson(value as Json)), value as Json)
  )

  it("keeps integers beyond 2^53", () =>
    assert.strictEqual(
      printJson(parseJson('{"b":1795443763277297326,"a":[1.5]}')),
      '{"a":[1.5],"b":1795443763277297326}'
    ))

  it.each<readonly [string, Json, Json, boolean]>([
    ["null and an empty list", { a: null }, { a: [] }, true],
    ["an absent key and an empty map", { b: 1 }, { a: {}, b: 1 }, true],
    ["no object and an empty one", { Consul: null }, { Consul: {} }, false],
    ["null and zero", { a: null }, { a: 0 }, false],
    ["null and an empty text", { a: null }, { a: "" }, false],
    ["lists in another order", [1, 2], [2, 1], false],
    ["a longer list", [1], [1, 2], false],
    ["a timestamp and its exact self", 5, 5n, true],
    ["a map and a list", { a: 1 }, [1], false]
  ])("compares %s", (_, a, b, same) => assert.strictEqual(sameJson(a, b), same))
})

describe("time as Go has it", () => {
  it.each([
    [0, "0s"],
    [250e6, "250ms"],
    [1.5e9, "1.5s"],
    [90e9, "1m30s"],
    [30 * 60e9, "30m0s"],
    [3600e9, "1h0m0s"],
    [1_011_046_558, "1.011046558s"]
  ])("%d ns is %s", (nanos, text) => assert.strictEqual(goDuration(nanos), text))

  it.each([
    ["500ms", 500],
    ["2s", 2000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["0", 0],
    ["x", null],
    ["5", null],
    ["", null]
  ])("the duration %s is %s milliseconds", (text, millis) =>
    assert.strictEqual(parseGoDuration(text), millis)
  )

  it.each([
    [1_795_443_763_277_297_326n, "2026-11-23T14:22:43.277297326Z"],
    [1_795_443_763_500_000_000n, "2026-11-23T14:22:43.5Z"],
    [1_795_443_763_000_000_000n, "2026-11-23T14:22:43Z"],
    [null, null]
  ])("%s is %s", (nanos, text) => assert.strictEqual(rfc3339(nanos), text))
})
