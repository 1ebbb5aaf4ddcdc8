import { Schema } from "effect"

/**
 * A watched repository as the config names it (`watched_repositories`): path components of
 * `a-z 0-9 . _ -`, joined by `/`, never with a host. 255 characters at most.
 */
export const RepositoryName = Schema.String.check(
  Schema.isMaxLength(255),
  Schema.isPattern(/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/, {
    expected: "a repository name: lower-case path components such as team/api"
  })
).pipe(Schema.brand("RepositoryName"))
export type RepositoryName = typeof RepositoryName.Type

export const isRepositoryName = Schema.is(RepositoryName)
