// `npm run mutants [-- ID…]`: plants each bug of the table in turn and runs the tests that must catch it. A run that
// could not start, or in which nothing failed, is no catch; nor is a failing test that does not name the rule. Exits 1
// if one mutant is not caught, or if the tests are not green without any.
import { availableParallelism } from "node:os"
import type { Mutant } from "./Mutant.ts"
import { mutants } from "./mutants.ts"
import { type Ran, runTests } from "./runTests.ts"

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1).padStart(5)} s`

const isNamed = ({ file, name }: Ran, { caughtBy, rule }: Mutant): boolean =>
  file === caughtBy.file && name.includes(caughtBy.name) && new RegExp(`\\b${rule}\\b`).test(name)

/** The test that caught it, or in words why it is not caught. */
const play = async (mutant: Mutant, green: ReadonlyArray<Ran>): Promise<Ran | string> => {
  const named = green.filter((ran) => isNamed(ran, mutant))
  if (named.length === 0) return `no test of ${mutant.caughtBy.file} is named so, with ${mutant.rule}`
  const red = named.find(({ passed }) => !passed)
  if (red !== undefined) return `fails without the mutant: ${red.name}`
  const ran = await runTests([mutant.caughtBy.file], [mutant.caughtBy.name], mutant)
  if (ran.length === 0) return "the tests could not start"
  const failed = ran.find((test) => !test.passed && isNamed(test, mutant))
  return failed ?? `${ran.length} tests ran, and none failed`
}

const began = performance.now()
const wanted = process.argv.slice(2)
const unknown = wanted.filter((id) => mutants.every((mutant) => mutant.id !== id))
if (unknown.length > 0) {
  process.stderr.write(`there is no mutant ${unknown.join(", ")}\n`)
  process.exit(64)
}
const chosen = mutants.filter(({ id }) => wanted.length === 0 || wanted.includes(id))
const files = [...new Set(chosen.map(({ caughtBy }) => caughtBy.file))]
const green = await runTests(files, [...new Set(chosen.map(({ caughtBy }) => caughtBy.name))])
say(
  `without a mutant: ${green.filter(({ passed }) => passed).length} of ${green.length} tests pass, ${seconds(began)}`
)

const caught = new Map<Mutant, Ran | string>()
const queue = [...chosen]
const worker = async (): Promise<void> => {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const since = performance.now()
    const by = await play(mutant, green)
    caught.set(mutant, by)
    const how = typeof by === "string" ? `NOT CAUGHT: ${by}` : "caught"
    say(`${seconds(since)}  ${mutant.id.padEnd(10)} ${mutant.name}: ${how}`)
  }
}
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, worker))

say(`\n| mutant | | caught by | test |\n|---|---|---|---|`)
for (const mutant of chosen) {
  const by = caught.get(mutant)
  const cells = typeof by === "object" ? [by.file, by.name] : ["NOT CAUGHT", by ?? ""]
  say(`| ${[mutant.id, mutant.name, ...cells].join(" | ")} |`)
}
const missed = chosen.filter((mutant) => typeof caught.get(mutant) !== "object").length
say(`\n${chosen.length - missed} of ${chosen.length} mutants are caught, ${seconds(began)}`)
process.exitCode = missed === 0 ? 0 : 1
