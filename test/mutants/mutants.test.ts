import { assert, describe, it } from "@effect/vitest"
import { stripTypeScriptTypes } from "node:module"
import { edited, read } from "./Mutant.ts"
import { mutants } from "./mutants.ts"

// The rest, that each is caught, is what `npm run mutants` sees.
describe("mutants", () => {
  it.each(mutants.map((mutant) => [mutant.id, mutant] as const))(
    "%s stands in the present source once, and still compiles",
    (_, { edits }) => {
      for (const file of new Set(edits.map((edit) => edit.file))) {
        const source = read(file)
        const mutated = edited(file, source, edits)
        assert.notStrictEqual(mutated, source)
        stripTypeScriptTypes(mutated)
      }
    }
  )

  it("has one of each number, but for the parts that are not built yet", () => {
    const ids = mutants.map(({ id }) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
    const missing = Array.from({ length: 24 }, (_, n) => String(n + 1)).filter((id) => !ids.includes(id))
    assert.deepStrictEqual(missing, ["24"])
  })

  it("has one for every rule S1 to S24", () => {
    const rules = new Set(mutants.map(({ rule }) => rule))
    const missing = Array.from({ length: 24 }, (_, n) => `S${n + 1}`).filter((rule) => !rules.has(rule))
    assert.deepStrictEqual(missing, [])
  })

  it("refuses an edit that does not stand there exactly once", () => {
    const edit = { file: "a.ts", find: "x", replace: "y" }
    assert.strictEqual(edited("a.ts", "1x2", [edit]), "1y2")
    assert.throws(() => edited("a.ts", "1", [edit]), /a\.ts has no: x/)
    assert.throws(() => edited("a.ts", "xx", [edit]), /more than one/)
  })
})
