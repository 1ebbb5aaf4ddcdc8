import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { namedIn } from "../../src/cli/namedIn.ts"
import { watchedAs } from "../reconcile/loop.ts"

const job = (name: string, job: string) => {
  const one = watchedAs(name, "registry.test")
  return { ...one, mapping: { ...one.mapping, job: { region: "", namespace: "default", job } } }
}
const config = {
  file: "a.toml",
  watched: [
    job("team/api", "backend"),
    job("web", "web"),
    ...Array.from({ length: 12 }, (_, n) => job(`n${n}`, "n"))
  ]
}

describe("namedIn", () => {
  it.effect("is those that are named, in the order of the configuration; all where none is", () =>
    Effect.gen(function* () {
      const named = yield* namedIn(config, ["web", "team/api", "web"])
      assert.deepStrictEqual(
        named.map(({ name }) => String(name)),
        ["team/api", "web"]
      )
      assert.lengthOf(yield* namedIn(config, []), 14)
    })
  )

  it.effect("of what is named twice it says so once", () =>
    Effect.map(Effect.flip(namedIn(config, ["wbe", "wbe"])), ({ message }) =>
      assert.strictEqual(message, '"wbe": not in watched_repositories of a.toml; did you mean web?')
    )
  )

  it.effect.each([
    ["api", "did you mean team/api?"],
    ["backend", "did you mean team/api?"],
    ["Web", "did you mean web?"],
    ["wbe", "did you mean web?"],
    ["we", "did you mean web?"],
    ["webb", "did you mean web?"],
    ["wab", "did you mean web?"],
    ["wob ", "it watches team/api, web, n0, n1, n2, n3, n4, n5, n6, n7 and 4 more"],
    ["", "it watches team/api, web, n0, n1, n2, n3, n4, n5, n6, n7 and 4 more"]
  ] as const)("of %j it says: %s", ([typed, hint]) =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(namedIn(config, ["web", typed]))
      assert.strictEqual(message, `${JSON.stringify(typed)}: not in watched_repositories of a.toml; ${hint}`)
    })
  )
})
