import { readFileSync } from "node:fs"
import { join } from "node:path"

/** One replacement in a file of the product; `find` stands in it exactly once. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A bug that was planted on purpose, and the tests that must not pass with it. */
export interface Mutant {
  /** Of `invariants.md` §6, or the name of the rule whose line is taken out. */
  readonly id: string
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
  /** One that fails must have this rule in its name. */
  readonly rule: string
  readonly caughtBy: { readonly file: string; readonly name: string }
}

export const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace })

export const mutant = (
  id: string,
  name: string,
  rule: string,
  [file, test]: readonly [file: string, name: string],
  ...edits: ReadonlyArray<Edit>
): Mutant => ({ id, name, rule, caughtBy: { file, name: test }, edits })

export const root = new URL("../..", import.meta.url).pathname

/** The text of a file with every edit of it made. An edit whose text is not there exactly once is an error. */
export const edited = (file: string, text: string, edits: ReadonlyArray<Edit>): string =>
  edits
    .filter((edit) => edit.file === file)
    .reduce((before, { find, replace }) => {
      const [head, tail, ...more] = before.split(find)
      if (head === undefined || tail === undefined || more.length > 0) {
        throw new Error(`${file} has ${tail === undefined ? "no" : "more than one"}: ${find}`)
      }
      return `${head}${replace}${tail}`
    }, text)

export const read = (file: string): string => readFileSync(join(root, file), "utf8")
