import { Arbitrary, Schema } from "effect"
import type { Submission } from "../../src/deployer/nomad/rewriteSubmission.ts"

/** Where a task's image comes from in the text. */
const Place = Schema.Literals(["literal", "flag", "file", "default", "template"])
const Source = Schema.Struct({
  /** `function`: HCL whose images are put together, so that no place of theirs can be found. */
  kind: Schema.Literals(["none", "empty", "json", "hcl2", "hcl2", "hcl2", "function"]),
  places: Schema.Array(Place).check(Schema.isMinLength(4), Schema.isMaxLength(4))
})
export type GeneratedSource = typeof Source.Type
export const generatedSource = Arbitrary.schema(Source)

export interface SourceTask {
  readonly group: string
  readonly task: string
  /** As the job has it. */
  readonly image: string
  /** As its place in the text has it. */
  readonly written: string
}

const quoted = (text: string): string => `"${text.replaceAll("${", "$${")}"`

/** The source that a job was submitted with; undefined: none. Each image stands in it also where it is no image. */
export const sourceOf = (
  { kind, places }: GeneratedSource,
  tasks: ReadonlyArray<SourceTask>
): Submission | undefined => {
  if (kind === "none") return undefined
  const flags: Record<string, string> = { other: tasks[0]?.image ?? "" }
  const files = [`other_file = ${quoted(tasks[0]?.image ?? "")} # ${tasks[0]?.image}`]
  const variables: Array<string> = [`variable "other" {\n  default = ${quoted(tasks[0]?.image ?? "")}\n}`]
  const written = tasks.map(({ group, task, image, written: now }, at) => {
    const place = places[at % places.length]
    const name = `image_${group}_${task}`
    const value =
      place === "literal" ? quoted(now) : place === "template" ? `"\${var.${name}}"` : `var.${name}`
    if (place === "flag" || place === "template") flags[name] = now
    if (place === "file") files.push(`${name} = ${quoted(now)}`)
    if (place !== "literal")
      variables.push(
        `variable ${quoted(name)} {\n  type = string\n  default = ${quoted(place === "default" ? now : image)} # ${image}\n}`
      )
    const shown = kind === "function" ? `lower(${quoted(now)})` : value
    const body = `      config {
        args  = [${quoted(image)}, "image = \\"${task}\\""] /* image = ${quoted(image)} */
        image = ${shown} # was ${image}
      }
      template {
        data = <<EOT
image = ${quoted(image)}
EOT
      }
      meta { image = ${quoted(image)} }`
    return { group, text: `    task ${quoted(task)} {\n      driver = "docker"\n${body}\n    }` }
  })
  const groups = [...Map.groupBy(written, ({ group }) => group)].map(
    ([group, held]) => `  group ${quoted(group)} {\n${held.map(({ text }) => text).join("\n")}\n  }`
  )
  return {
    Source: kind === "empty" ? "" : `${variables.join("\n")}\njob "j" {\n${groups.join("\n")}\n}\n`,
    Format: kind === "json" ? "json" : "hcl2",
    VariableFlags: flags,
    Variables: `${files.join("\n")}\n`
  }
}
