import type { Fence } from "./Leader.ts"

/** Raises the epoch and draws a holder: whoever held a fence before can change no attempt any more. */
export const takeLeadership = `
  update leadership set epoch = epoch + 1, holder = gen_random_uuid(), since = now() returning epoch, holder, since`

/** A row of `leadership`; int8 arrives as bigint. */
export interface LeadershipRow {
  readonly epoch: bigint
  readonly holder: string | null
  readonly since: Date
}

/** Null: nobody ever led. */
export const toLeadership = ({
  epoch,
  holder,
  since
}: LeadershipRow): (Fence & { readonly since: Date }) | null =>
  holder === null ? null : { epoch: Number(epoch), holder, since }
