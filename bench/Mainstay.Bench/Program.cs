using System.CommandLine;
using Mainstay.Bench;
using Mainstay.Bench.Failover;
using Mainstay.Bench.Load;
using Mainstay.Bench.Overload;
using Mainstay.Bench.Soak;

// Each benchmark prints a table for people and then one line of JSON for programs.
var root = new RootCommand("Mainstay's benchmarks.")
{
    DemoBench.Build(),
    TextBench.Build(TimeProvider.System),
    FailoverBench.Build(TimeProvider.System),
    OverloadBench.Build(TimeProvider.System),
    SoakBench.Build(TimeProvider.System),
    Backend.Build(TimeProvider.System),
};
return root.Parse(args).Invoke();
