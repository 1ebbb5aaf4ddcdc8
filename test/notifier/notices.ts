import { Schema } from "effect"
import { Notice, type Untold } from "../../src/domain/Notice.ts"

const decode = Schema.decodeUnknownSync(Schema.toCodecJson(Notice))

/** A notice by its facts; of the repository and job `api`, and the tag `v2`, where they are not given. */
export const notice = (_tag: Notice["_tag"], facts: Readonly<Record<string, unknown>> = {}): Notice =>
  decode({ _tag, repository: "api", job: facts["repository"] ?? "api", tag: "v2", words: null, ...facts })

/** Seconds after an unchanging noon. */
export const untold = (
  id: number,
  of: Notice,
  { seconds = 0, ...over }: Partial<Omit<Untold, "id" | "notice">> & { readonly seconds?: number } = {}
): Untold => ({
  id,
  message: `00000000-0000-4000-8000-${String(id).padStart(12, "0")}`,
  at: new Date(Date.UTC(2026, 0, 1, 12, 0, seconds)),
  tries: 0,
  dropped: 0,
  notice: of,
  ...over
})
