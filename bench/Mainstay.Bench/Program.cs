using System.CommandLine;
using Mainstay.Bench;
using Mainstay.Bench.Balance;
using Mainstay.Bench.Detect;
using Mainstay.Bench.Failover;
using Mainstay.Bench.Load;
using Mainstay.Bench.Overload;
using Mainstay.Bench.Proxy;
using Mainstay.Bench.Soak;
using Mainstay.Bench.Streams;

// Each benchmark prints a table for people and then one line of JSON for programs.
var root = new RootCommand("Mainstay's benchmarks.")
{
    DemoBench.Build(),
    ExplainBench.Build(TimeProvider.System),
    TextBench.Build(TimeProvider.System),
    BalanceBench.Build(),
    ProxyBench.Build(TimeProvider.System),
    ProxyBench.BuildServer(TimeProvider.System),
    ProxyBench.BuildReader(TimeProvider.System),
    FailoverBench.Build(TimeProvider.System),
    OverloadBench.Build(TimeProvider.System),
    SoakBench.Build(TimeProvider.System),
    DetectBench.Build(TimeProvider.System),
    StreamsBench.Build(TimeProvider.System),
    Backend.Build(TimeProvider.System),
};
// After Ctrl+C the processes that a benchmark started are ended first.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(15) });
