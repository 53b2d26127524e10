// One browser at a time: two of them and a demo starve each other on a small machine.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
