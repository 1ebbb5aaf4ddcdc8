import { assert, describe, it } from "@effect/vitest"
import { globSync } from "node:fs"
import { read, root } from "./Mutant.ts"
import { mutants } from "./mutants.ts"

const property = "test/deployer/generated.test.ts"
const store = "test/store/"
const story = "test/reconcile/"
/** Every point at which a holder can die or an answer be lost, one after another. */
const enumerated = "test/reconcile/settling.test.ts"
const decided = "test/decide/"
/** The deployer alone: on facts, and on the simulator over HTTP. */
const deployed = "test/deployer/"

/**
 * Where the rules about Nomad are tested, by name, in more ways than one (`invariants.md` §5): each of these has a
 * test that names the rule, and the rule has a mutant. `npm run mutants` sees that it is caught.
 */
const ways: Readonly<Record<string, readonly [string, string, ...ReadonlyArray<string>]>> = {
  S1: [store, story],
  S2: [enumerated, "test/reconcile/loop.test.ts"],
  S3: [deployed, enumerated, "test/reconcile/loop.test.ts"],
  S4: [deployed, story],
  S5: [property, deployed],
  S6: [deployed, enumerated, store],
  S11: [deployed, story, store, decided],
  S12: [story, store, decided],
  S16: [deployed, story, decided],
  S20: [story, store, decided],
  S21: [property, "test/reconcile/loop.test.ts", decided],
  S22: [property, "test/config/", decided],
  S23: ["test/domain/ImageReference.test.ts", "test/deployer/observe.test.ts"],
  S24: [deployed, story]
}

const titles = new Map(
  globSync("test/**/*.test.ts", { cwd: root }).map((file) => [file, read(file).match(/["`'].*["`']/g) ?? []])
)
const names = (rule: string, place: string): boolean =>
  [...titles].some(
    ([file, texts]) => file.startsWith(place) && texts.some((text) => new RegExp(`\\b${rule}: `).test(text))
  )

describe("the rules about Nomad", () => {
  it.each(Object.entries(ways))(
    "%s has its tests, by name, in each of its ways, and a mutant",
    (rule, places) => {
      assert.deepStrictEqual(
        places.filter((place) => !names(rule, place)),
        []
      )
      assert.isTrue(mutants.some((mutant) => mutant.rule === rule))
    }
  )
})
