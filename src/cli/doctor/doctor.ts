import { Console, Effect } from "effect"
import type { Config } from "../../config/Config.ts"
import type { Examined } from "../../store/examine.ts"
import type { StartError } from "../../store/StartError.ts"
import { fold } from "../fold.ts"
import { Refused } from "../Refused.ts"
import { examineDatabase } from "./database.ts"
import { type Finding, type Report, warning } from "./Finding.ts"
import { examineNomad } from "./nomad.ts"
import { examineRegistries } from "./registries.ts"

const toldEvery = 100

/**
 * Asks everything that the configuration names what a start, a poll and a deploy would ask, and says what is wrong
 * where and what to do. Writes nothing. `Refused` (exit 1) where something is wrong. `columns` of the terminal fold what
 * is printed; 0: one line a check.
 */
export const doctor = Effect.fn("doctor")(function* (
  config: Config,
  database: Effect.Effect<Examined, StartError>,
  asJson: boolean,
  columns: number
) {
  let told = 0
  const report: Report = (finding) =>
    asJson
      ? ++told % toldEvery === 0
        ? Console.error(`${told} checks made`)
        : Effect.void
      : Console.log(lines(finding, columns).join("\n"))
  const reported = <E, R>(findings: Effect.Effect<ReadonlyArray<Finding>, E, R>) =>
    Effect.tap(findings, Effect.forEach(report))
  const notes = config.warnings.map((words) => warning("configuration", words, "see config/sample.toml"))
  const findings = [
    ...(yield* reported(Effect.succeed(notes))),
    ...(yield* reported(examineDatabase(config, database))),
    ...(yield* examineRegistries(config, report)),
    ...(yield* examineNomad(config, report))
  ]
  if (asJson) yield* Console.log(JSON.stringify(findings, null, 2))
  const wrong = findings.filter(({ result }) => result === "wrong").length
  if (wrong > 0)
    return yield* new Refused({ message: `${wrong} of ${findings.length} checks found something wrong` })
})

const lines = ({ check, result, words, remedy }: Finding, columns: number): ReadonlyArray<string> => {
  const head = (result === "wrong" ? "WRONG" : result).padEnd(8)
  const found = `${check}: ${words}`
  const todo = remedy === null ? "" : ` -> ${remedy}`
  if (columns === 0 || head.length + 1 + found.length + todo.length <= columns)
    return [`${head} ${found}${todo}`]
  const width = columns - head.length - 1
  const [first = "", ...rest] = [
    ...fold(found, width),
    ...(remedy === null ? [] : fold(`-> ${remedy}`, width))
  ]
  return [`${head} ${first}`, ...rest.map((line) => " ".repeat(head.length + 1) + line)]
}
