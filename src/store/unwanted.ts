/** A person ordered that the attempt's rollout fails, also where Nomad refused to: its image is not wanted (S11). */
export const unwanted = (alias: string): string =>
  `coalesce(${alias}.deployment_id in (
    case when ${alias}.ordered = 'fail' then ${alias}.ordered_deployment end,
    case when ${alias}.order_refused ->> 'order' = 'fail' then ${alias}.order_refused ->> 'deployment' end), false)`
