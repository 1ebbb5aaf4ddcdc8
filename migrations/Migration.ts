/** One change of the schema. What has shipped is never edited: its hash is compared at every start. */
export interface Migration {
  /** True if the release before can still work on the schema that this leaves, so that we can be rolled back. */
  readonly readableByReleaseBefore: boolean
  /** One command each: Postgres prepares no string that holds several. */
  readonly statements: ReadonlyArray<string>
}
