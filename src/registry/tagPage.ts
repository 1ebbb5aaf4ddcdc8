import { Result } from "effect"
import { isTag, type Tag } from "../domain/Tag.ts"
import { parseJsonObject } from "./parseJsonObject.ts"

export interface TagPage {
  readonly tags: ReadonlyArray<Tag>
  /** Entries that were sent, junk among them: it is what `n` counts. */
  readonly listed: number
}

/**
 * One page of `tags/list`. `null` and a missing array are a repository without tags (2.8.2 after the last
 * deletion); Nexus' nulls and Artifactory's digests among the tags are dropped. Another repository's name is
 * an error (S9).
 */
export const parseTagPage = (body: string, image: string): Result.Result<TagPage, string> => {
  const page = parseJsonObject(body)
  if (page === undefined) return Result.fail("the listing is no JSON object")
  if (page["name"] !== image) return Result.fail("the listing is of another repository")
  const entries = page["tags"] ?? []
  if (!Array.isArray(entries)) return Result.fail("the listing's tags are no array")
  return Result.succeed({ tags: entries.filter(isTag), listed: entries.length })
}
