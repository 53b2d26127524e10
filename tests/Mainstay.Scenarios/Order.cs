// The machine is shared by many real processes: what runs at the same time would be measured, too.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
