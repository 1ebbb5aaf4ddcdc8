import { Schema } from "effect"
import type { RawJob } from "./editJob.ts"
import type { MappedTask } from "./findTasks.ts"
import { type HclAttribute, hclAttributes } from "./hclAttributes.ts"

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

/** Gives the variable `name` the value `image` where its old value came from: a flag, the var-file, its default. */
const rewriteVariable = (
  submission: Submission,
  name: string,
  old: string,
  image: string
): Submission | undefined => {
  const flags = submission.VariableFlags ?? {}
  if (Object.hasOwn(flags, name))
    return flags[name] === old ? { ...submission, VariableFlags: { ...flags, [name]: image } } : undefined
  const rewrite = (text: string, isPlace: (attribute: HclAttribute) => boolean) => {
    const [place, ...more] = hclAttributes(text).filter(isPlace)
    if (place === undefined) return { found: false, text }
    if (place.literal !== old || more.length > 0) return { found: true, text: undefined }
    return { found: true, text: replaceValues(text, [{ attribute: place, value: image }]) }
  }
  const file = rewrite(submission.Variables, (place) => place.depth === 0 && place.name === name)
  if (file.found) return file.text === undefined ? undefined : { ...submission, Variables: file.text }
  const source = rewrite(
    submission.Source,
    ({ depth, frames, name: attribute }) =>
      depth === 1 && frames[0]?.name === "variable" && frames[0].label === name && attribute === "default"
  )
  return source.found && source.text !== undefined ? { ...submission, Source: source.text } : undefined
}

const rewriteHcl = (submission: Submission, images: ReadonlyArray<NewImage>): Submission | undefined => {
  const attributes = hclAttributes(submission.Source)
  const places = images.map(({ task, image }) => ({
    attribute: imageAttribute(attributes, task),
    old: task.observed.image,
    image
  }))
  const literals: Array<{ attribute: HclAttribute; value: string }> = []
  const variables = new Map<string, { old: string; image: string; uses: number }>()
  for (const { attribute, old, image } of places) {
    if (attribute?.literal === old) literals.push({ attribute, value: image })
    else if (attribute?.variable !== undefined) {
      const known = variables.get(attribute.variable)
      if (known !== undefined && (known.old !== old || known.image !== image)) return undefined
      variables.set(attribute.variable, { old, image, uses: (known?.uses ?? 0) + 1 })
    } else return undefined
  }
  let rewritten: Submission | undefined = {
    ...submission,
    Source: replaceValues(submission.Source, literals)
  }
  for (const [name, { old, image, uses }] of variables) {
    // Used anywhere else, its new value would say something that is not in the job sent.
    const mentions = submission.Source.match(new RegExp(`\\bvar\\.${name}(?![\\p{L}\\p{N}_-])`, "gu")) ?? []
    if (mentions.length !== uses || rewritten === undefined) return undefined
    rewritten = rewriteVariable(rewritten, name, old, image)
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
