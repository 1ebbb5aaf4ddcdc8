import { Console, Effect } from "effect"
import { markerKey } from "../domain/Attempt.ts"
import type { JobChange, JobPlan } from "../domain/JobPlan.ts"
import type { Watched } from "../domain/Watched.ts"
import type { WouldRegister } from "../foresee/planOf.ts"

/** Prints what Nomad says of one register, below a line that names it; nothing where there is none. */
export const printDiff = ({
  watched: { name },
  would
}: {
  readonly watched: Pick<Watched, "name">
  readonly would: WouldRegister | null
}): Effect.Effect<void> => {
  if (would === null) return Effect.void
  const { tag, outcome } = would
  const lines =
    outcome._tag === "Planned"
      ? describePlan(outcome.plan)
      : [`${outcome._tag === "Refused" ? "Nomad refuses it" : "not told"}: ${outcome.words}`]
  return Console.log(["", `${name}: ${tag}`, ...lines.map((line) => `  ${line}`)].join("\n"))
}

const describePlan = ({ groups, changes, unplaced, warnings }: JobPlan): ReadonlyArray<string> => [
  ...groups.map(({ name, updates }) => {
    const said = Object.entries(updates).map(([update, count]) => `${count} ${update}`)
    return `group "${name}": ${said.length === 0 ? "nothing" : said.join(", ")}`
  }),
  ...changes.map(describeChange),
  unplaced ?? "every allocation can be placed",
  ...(warnings === "" ? [] : [`Nomad warns: ${warnings}`])
]

const signs = { added: "+", deleted: "-", edited: "~" } as const

const describeChange = (change: JobChange): string => {
  const { type, group, task, field, old } = change
  const where = [
    ...(group === null ? [] : [`group "${group}"`]),
    ...(task === null ? [] : [`task "${task}"`])
  ]
  // The plan's marker stands for that of an attempt that is not made.
  const becomes = field === `Meta[${markerKey}]` ? "a new marker" : `"${change.new}"`
  const values = type === "edited" ? `"${old}" => ${becomes}` : type === "added" ? becomes : `"${old}"`
  return `${signs[type]} ${[...where, field].join(", ")}: ${values}`
}
