import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import type { JobBody } from "./Answers.ts"
import { newId, post } from "./steps.ts"
import type { Target } from "./Target.ts"

/** Filter expressions on lists. */
export const filters = (target: () => Target): void => {
  /** Two jobs of a prefix of their own, the first one with that meta. */
  const two = (Meta: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const prefix = newId()
      yield* post(target(), fixtureJob({ id: `${prefix}-a`, count: 0, job: { Meta } }))
      yield* post(target(), fixtureJob({ id: `${prefix}-b`, count: 0 }))
      const found = (filter: string) =>
        Effect.map(
          target().call<ReadonlyArray<JobBody>>(
            "GET",
            `/v1/jobs?prefix=${prefix}&filter=${encodeURIComponent(filter)}`
          ),
          ({ status, text, json }) =>
            status === 200 ? json.map(({ ID }) => ID.slice(prefix.length + 1)).join("") : `${status} ${text}`
        )
      return { prefix, found }
    })

  it.live("statement 40: a filter sees the whole job, and `Meta` is shown where it is asked for", () =>
    Effect.gen(function* () {
      const { prefix, found } = yield* two({ k: "v" })
      const list = (query: string) =>
        Effect.map(
          target().call<ReadonlyArray<{ readonly Meta?: object }>>(
            "GET",
            `/v1/jobs?prefix=${prefix}${query}`
          ),
          ({ json }) => json.map(({ Meta }) => Meta)
        )
      assert.deepStrictEqual(yield* list(""), [undefined, undefined])
      assert.deepStrictEqual(yield* list("&meta=true"), [{ k: "v" }, undefined])
      assert.strictEqual(yield* found('Meta["k"] == "v"'), "a")
      // A job without the key is no error.
      assert.strictEqual(yield* found('Meta["k"] != "v"'), "b")
      const words = "failed to read result page: error finding value in datum: /Bogus at part 0"
      assert.include(yield* found('Bogus == "1"'), `400 ${words}`)
    })
  )

  it.live("statement 207: what filters can say, and what they cannot", () =>
    Effect.gen(function* () {
      const { found } = yield* two({ "a.b": "c", k: "v" })
      const none = "400 failed to read result page: "
      const unread = "400 failed to create result paginator: failed to read filter expression: "
      for (const [filter, expected] of [
        ['Meta["a.b"] == "c"', "a"],
        ['"a.b" in Meta', "a"],
        ['Meta contains "k"', "a"],
        ["Meta.k == v", "a"],
        ['Meta["k"] is empty', "b"],
        ["Meta is nil", "b"],
        ["Periodic is nil", "ab"],
        ["Periodic is not nil", ""],
        ['any TaskGroups as g { any g.Tasks as t { t.Driver == "raw_exec" } }', "ab"],
        ["any Meta as _, v { v == `c` }", "a"],
        ['Type == "service" and Stop == false and ParentID == ""', "ab"],
        ['not (Type matches "^ser") or Meta.k == "v"', "a"],
        // A value in double quotes that begins with a slash is read as a pointer, and loses it.
        ['TaskGroups.0.Tasks.0.Config.command == "/bin/sleep"', ""],
        ["TaskGroups.0.Tasks.0.Config.command == `/bin/sleep`", "ab"],
        ['TaskGroups.0.Tasks.0.Config.command matches "sleep$"', "ab"],
        [
          'Meta.k > "a"',
          `${unread}1:8 (7): no match found, expected: "!=", "==", "contains", "in", "is", "matches", "not" or [ \\t\\r\\n]`
        ],
        [
          'Meta["k"] is not nil',
          `${none}cannot perform is-nil operations on type string for selector: "Meta.k"`
        ],
        [
          "Type in service",
          `${none}error finding value in datum: /service at part 0: couldn't find key: struct field with name "service"`
        ],
        ['Type in "service"', `${unread}1:9 (8): rule "match": Invalid selector`],
        ['"unterminated', `${unread}1:14 (13): rule "string": Unterminated string literal`],
        [
          "ID == f3)",
          `${unread}1:9 (8): no match found, expected: ".", "[", [ \\t\\r\\n], [a-zA-Z0-9_/] or EOF`
        ],
        [
          "Priority == x",
          `${none}error getting match value in expression: strconv.ParseInt: parsing "x": invalid syntax`
        ],
        [
          'Periodic.Spec == "x"',
          `${none}error finding value in datum: /Periodic/Spec: at part 1, invalid value kind: invalid`
        ]
      ] as const) {
        assert.strictEqual(yield* found(filter), expected, filter)
      }
    })
  )
}
