import { canaryLines } from "./canaryLines.ts"
import { fieldBugs } from "./fieldBugs.ts"
import type { Mutant } from "./Mutant.ts"
import { memoryLines } from "./memoryLines.ts"
import { ruleLines } from "./ruleLines.ts"
import { scaleLines } from "./scaleLines.ts"

export const mutants: ReadonlyArray<Mutant> = [
  ...fieldBugs,
  ...ruleLines,
  ...memoryLines,
  ...canaryLines,
  ...scaleLines
]
