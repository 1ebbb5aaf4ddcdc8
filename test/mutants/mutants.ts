import { fieldBugs } from "./fieldBugs.ts"
import type { Mutant } from "./Mutant.ts"
import { ruleLines } from "./ruleLines.ts"

export const mutants: ReadonlyArray<Mutant> = [...fieldBugs, ...ruleLines]
