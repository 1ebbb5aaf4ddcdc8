// `node --import …/test/mutants/register.ts`: a real process of the product with the mutant of the environment.
import { planted } from "./planted.ts"
import { replaceOnLoad } from "./replaceOnLoad.ts"

const mutant = planted(process.env)
if (mutant !== undefined) replaceOnLoad(mutant.edits)
