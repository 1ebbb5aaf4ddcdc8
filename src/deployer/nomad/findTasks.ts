import { Option, Result, Schema } from "effect"
import { AttemptId, markerKey } from "../../domain/Attempt.ts"
import {
  type ImageReference,
  parseImageName,
  parseImageReference,
  sameRepository
} from "../../domain/ImageReference.ts"
import type { ObservedTask, UnfitReason } from "../../domain/Observed.ts"
import { Tag } from "../../domain/Tag.ts"
import type { Mapping } from "../../domain/Watched.ts"
import { isSidecar, type NomadJob, type NomadTask } from "./NomadJob.ts"

/** A mapped task: where it stands in the job, and its image taken apart. */
export interface MappedTask {
  readonly groupIndex: number
  readonly taskIndex: number
  /** `https://` where the job has it: docker drops it before use, so it stays. */
  readonly scheme: "" | "https://"
  readonly reference: ImageReference
  readonly observed: ObservedTask
}

export interface Misfit {
  readonly reason: UnfitReason
  readonly words: string
}

const isMarker = Schema.is(AttemptId)
const latest = Tag.make("latest")

export const markerOf = ({ Meta }: NomadTask): AttemptId | null => {
  const marker = Meta?.[markerKey]
  return isMarker(marker) ? marker : null
}

const scheme = "https://"
const splitScheme = (image: string): readonly [MappedTask["scheme"], string] =>
  image.startsWith(scheme) ? [scheme, image.slice(scheme.length)] : ["", image]

const imageOf = ({ Config }: NomadTask): string => {
  const image = Config?.image
  return typeof image === "string" ? image : ""
}

/** A task with its image taken apart; undefined where that is no image reference. */
export const observeTask = (group: string, task: NomadTask): ObservedTask | undefined => {
  const image = imageOf(task)
  const parsed = Option.getOrUndefined(parseImageReference(splitScheme(image)[1]))
  if (parsed === undefined) return undefined
  const { tag, digest } = parsed
  return {
    group,
    task: task.Name,
    image,
    tag: tag === null && digest === null ? latest : tag,
    digest,
    marker: markerOf(task)
  }
}

/** True if `image`, as a job has it, is of one of the repositories that `names` name. */
export const isImageOf = (image: string, names: ReadonlyArray<string>): boolean =>
  Option.exists(parseImageReference(splitScheme(image)[1]), (reference) =>
    names.some((name) => Option.exists(parseImageName(name), (parsed) => sameRepository(parsed, reference)))
  )

/** True if the task runs an image of the repository that `image` is of. */
export const runsRepositoryOf = (task: NomadTask, image: string): boolean =>
  Option.exists(parseImageReference(splitScheme(image)[1]), ({ name }) => isImageOf(imageOf(task), [name]))

/** The tasks of the job that `mapping` names (S22), or why they can not be acted on (rule 2). */
export const findTasks = (
  mapping: Mapping,
  job: NomadJob
): Result.Result<readonly [MappedTask, ...ReadonlyArray<MappedTask>], Misfit> => {
  const candidates = (job.TaskGroups ?? []).flatMap((group, groupIndex) =>
    mapping.group !== undefined && mapping.group !== group.Name
      ? []
      : (group.Tasks ?? []).flatMap((task, taskIndex) =>
          isSidecar(task) ? [] : [{ group: group.Name, groupIndex, task, taskIndex }]
        )
  )
  const missing = mapping.tasks.find((name) => !candidates.some(({ task }) => task.Name === name))
  const where = mapping.group === undefined ? "the job" : `group "${mapping.group}"`
  if (missing !== undefined)
    return Result.fail({ reason: "task_not_found", words: `${where} has no task "${missing}"` })
  const mapped = candidates.filter(({ task }) =>
    mapping.tasks.length > 0
      ? mapping.tasks.includes(task.Name)
      : isImageOf(imageOf(task), mapping.imageNames)
  )
  const found: Array<MappedTask> = []
  for (const { group, groupIndex, task, taskIndex } of mapped) {
    const raw = imageOf(task)
    const at = `task "${task.Name}" of group "${group}"`
    if (raw.includes("${"))
      return Result.fail({ reason: "image_interpolated", words: `${at} takes its image from ${raw}` })
    const observed = observeTask(group, task)
    const [written, text] = splitScheme(raw)
    const parsed = parseImageReference(text)
    if (observed === undefined || Option.isNone(parsed))
      return Result.fail({
        reason: "image_malformed",
        words: raw === "" ? `${at} has no image` : `${at} has "${raw}", which is not an image reference`
      })
    if (!isImageOf(raw, mapping.imageNames))
      return Result.fail({
        reason: "image_foreign",
        words: `${at} runs ${raw}, which is not ${mapping.imageNames.join(" or ")}`
      })
    found.push({ groupIndex, taskIndex, scheme: written, reference: parsed.value, observed })
  }
  const [first, ...rest] = found
  if (first === undefined)
    return Result.fail({
      reason: "task_not_found",
      words: `no task of ${where} runs ${mapping.imageNames.join(" or ")}`
    })
  return Result.succeed([first, ...rest])
}
