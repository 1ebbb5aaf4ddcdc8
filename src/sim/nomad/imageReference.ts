/** `ReferenceRegexp` of distribution/reference 0.6.0, which the docker driver reads images with. */
const domainPart = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
const domain = `(?:${domainPart}(?:\\.${domainPart})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`
const pathPart = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*"
const path = `${pathPart}(?:/${pathPart})*`
const digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
const reference = new RegExp(`^((?:${domain}/)?${path})(?::(\\w[\\w.-]{0,127}))?(?:@(${digest}))?$`)

export interface ImageReference {
  readonly repository: string
  /** `latest` where neither tag nor digest is said; `""` where only a digest is. */
  readonly tag: string
  readonly digest: string
}

/** `undefined` for what is no reference. */
export const readReference = (image: string): ImageReference | undefined => {
  const [, repository, tag = "", named = ""] = reference.exec(image) ?? []
  if (repository === undefined) return undefined
  return { repository, tag: tag === "" && named === "" ? "latest" : tag, digest: named }
}
