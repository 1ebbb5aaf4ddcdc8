import { Schema } from "effect"
import type { RawJob } from "./editJob.ts"
import type { MappedTask } from "./findTasks.ts"
import { type HclAttribute, hclAttributes, type HclPart, literalOf } from "./hclAttributes.ts"

/** The stored source of a job version (`nomad-api.md` §2.4). */
export const Submission = Schema.Struct({
  Source: Schema.String,
  Format: Schema.String,
  VariableFlags: Schema.NullOr(Schema.Record(Schema.String, Schema.String)),
  Variables: Schema.String
})
export type Submission = typeof Submission.Type

/** A mapped task and the image that the job sent gives it. */
export interface NewImage {
  readonly task: MappedTask
  readonly image: string
}

/** Replaces the values of `attributes`, which stand in `text`, last first so that the places stay true. */
const replaceValues = (
  text: string,
  replacements: ReadonlyArray<{ readonly attribute: HclAttribute; readonly value: string }>
): string =>
  replacements
    .toSorted((a, b) => b.attribute.start - a.attribute.start)
    .reduce(
      (done, { attribute, value }) =>
        `${done.slice(0, attribute.start)}"${value}"${done.slice(attribute.end)}`,
      text
    )

/** The one `image = …` of the task in the text; a task outside a group is its own group, as jobspec2 has it. */
const imageAttribute = (
  attributes: ReadonlyArray<HclAttribute>,
  { observed: { group, task } }: MappedTask
): HclAttribute | undefined => {
  const found = attributes.filter(({ frames, name }) => {
    const [outer, middle, inner] = frames
    return (
      name === "image" &&
      inner?.name === "config" &&
      middle?.name === "task" &&
      middle.label === task &&
      (outer?.name === "group" ? outer.label === group : outer?.name === "job" && group === task)
    )
  })
  return found.length === 1 ? found[0] : undefined
}

/** The value of a variable, and the submission in which it has another one there. */
interface Variable {
  readonly value: string
  readonly set: (value: string) => Submission
}

/** The one such attribute of a text; its value where that is all literal. */
const placeIn = (text: string, isPlace: (attribute: HclAttribute) => boolean) => {
  const [attribute, ...more] = hclAttributes(text).filter(isPlace)
  if (attribute === undefined) return undefined
  const set = (value: string): string => replaceValues(text, [{ attribute, value }])
  return { value: more.length > 0 ? undefined : literalOf(attribute.parts), set }
}

/** Where the variable `name` has its value from: a flag, the var-file, its default; undefined: not told by the text. */
const variableOf = (submission: Submission, name: string): Variable | undefined => {
  const flags = submission.VariableFlags ?? {}
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
  if (flag !== undefined)
    return { value: flag, set: (value) => ({ ...submission, VariableFlags: { ...flags, [name]: value } }) }
  const file = placeIn(submission.Variables, (place) => place.depth === 0 && place.name === name)
  const source = placeIn(
    submission.Source,
    ({ depth, frames, name: attribute }) =>
      depth === 1 && frames[0]?.name === "variable" && frames[0].label === name && attribute === "default"
  )
  const place = file ?? source
  if (place?.value === undefined) return undefined
  const { value, set } = place
  const key = file === undefined ? "Source" : "Variables"
  return { value, set: (value) => ({ ...submission, [key]: set(value) }) }
}

const valueOf = (submission: Submission, part: HclPart): string | undefined =>
  "literal" in part ? part.literal : variableOf(submission, part.variable)?.value

/**
 * What the last part of an image's value has to become, so that the whole is `image`: the parts before it stay as they
 * are, such as a registry in a variable. Undefined where the parts do not make the image that the job has.
 */
const lastPart = (
  submission: Submission,
  parts: ReadonlyArray<HclPart>,
  { old, image }: { readonly old: string; readonly image: string }
): { readonly part: HclPart; readonly value: string } | undefined => {
  const part = parts.at(-1)
  const values = parts.map((each) => valueOf(submission, each))
  const last = values.at(-1)
  if (part === undefined || last === undefined || values.includes(undefined)) return undefined
  const head = old.slice(0, old.length - last.length)
  return values.join("") === old && image.startsWith(head)
    ? { part, value: image.slice(head.length) }
    : undefined
}

const rewriteHcl = (submission: Submission, images: ReadonlyArray<NewImage>): Submission | undefined => {
  const attributes = hclAttributes(submission.Source)
  const literals: Array<{ attribute: HclAttribute; value: string }> = []
  const variables = new Map<string, { value: string; uses: number }>()
  for (const { task, image } of images) {
    const attribute = imageAttribute(attributes, task)
    const last =
      attribute?.parts && lastPart(submission, attribute.parts, { old: task.observed.image, image })
    if (attribute === undefined || last === undefined) return undefined
    const { part, value } = last
    if ("literal" in part) {
      // All before the last part is kept as it is written.
      const written = submission.Source.slice(attribute.start + 1, attribute.end - 1 - part.literal.length)
      literals.push({ attribute, value: written + value })
    } else {
      const known = variables.get(part.variable)
      if (known !== undefined && known.value !== value) return undefined
      variables.set(part.variable, { value, uses: (known?.uses ?? 0) + 1 })
    }
  }
  let rewritten: Submission = { ...submission, Source: replaceValues(submission.Source, literals) }
  for (const [name, { value, uses }] of variables) {
    // Used anywhere else, its new value would say something that is not in the job sent.
    const mentions = submission.Source.match(new RegExp(`\\bvar\\.${name}(?![\\p{L}\\p{N}_-])`, "gu")) ?? []
    const variable = variableOf(rewritten, name)
    if (mentions.length !== uses || variable === undefined) return undefined
    rewritten = variable.set(value)
  }
  return rewritten
}

/**
 * The source to store with the job sent, so that Nomad's own UI shows the image that runs (T6). An HCL text keeps
 * everything but the old image at the image's place; where that can not be done, and for JSON, it is the job sent.
 * `none` stays none: with `Version` kept as read, servers from 2.0 on copy the source of that version, which has
 * none; older ones copy version 0's, whose copy this version would then have had. An empty source stays empty.
 */
export const rewriteSubmission = (
  stored: Submission | "none" | "unreadable",
  sent: RawJob,
  images: ReadonlyArray<NewImage>
): Submission | undefined => {
  if (stored === "none") return undefined
  if (stored !== "unreadable") {
    if (stored.Source === "") return stored
    const hcl = stored.Format === "hcl2" ? rewriteHcl(stored, images) : undefined
    if (hcl !== undefined) return hcl
  }
  return { Source: JSON.stringify(sent, null, 2), Format: "json", VariableFlags: null, Variables: "" }
}
