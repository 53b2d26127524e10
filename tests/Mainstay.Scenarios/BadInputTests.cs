using System.Net;
using System.Net.Sockets;

namespace Mainstay.Scenarios;

/// <summary>Mistakes of operators, a row each: what was wrong, where, and the cure; exit 2; no stack trace.</summary>
public sealed class BadInputTests
{
    /// <summary>Command line, then words that the message must have.</summary>
    public static TheoryData<string, string[]> CommandLines() => new()
    {
        { "--nonsense", ["--nonsense", "mainstay --help"] },
        { "nonsense", ["nonsense", "mainstay --help"] },
        { "serve --nonsense", ["--nonsense", "--help"] },
        { "check --nonsense", ["--nonsense", "--help"] },
        { "serve", ["mainstay.yaml", "no such file"] },
        { "serve -c missing.yaml", ["missing.yaml", "no such file"] },
        { "control -c missing.yaml", ["missing.yaml", "no such file"] },
        { "route -c missing.yaml", ["missing.yaml", "no such file"] },
        { "check missing.yaml", ["missing.yaml", "no such file"] },
        { "check .", ["."] },
        { "model serve", ["--model"] },
        { "model serve --model missing.model", ["missing.model", "mainstay model train"] },
        { "model serve --model garbage.model", ["garbage.model"] },
        { "model serve --model empty.model", ["empty.model"] },
        { "model train --data missing.csv --out x.model", ["missing.csv"] },
        { "model train --data garbage.model --out x.model", ["garbage.model"] },
        { "demo --fault fire", ["--fault fire", "kill, freeze, slow, errors or none"] },
        { "demo --fault 1", ["--fault 1", "kill, freeze, slow, errors or none"] },
        { "demo --duration 5s", ["--duration 5s", "15s"] },
        { "demo --duration soon", ["--duration soon", "60s"] },
        { "demo --rate 0", ["--rate 0", "from 1 to 100000"] },
        { "demo --rate many", ["many", "--rate", "a number", "--help"] },
        { "demo --seed many", ["many", "--seed", "a whole number", "--help"] },
        { "demo --trace missing.csv", ["--trace", "missing.csv", "TIMESTAMP"] },
        { "demo --trace garbage.model", ["--trace", "garbage.model", "TIMESTAMP"] },
        { "demo --trace short.csv", ["--trace", "short.csv", "at least two rows"] },
        { "demo --trace wrong.csv", ["wrong.csv, line 3", "yesterday", "2023-11-16"] },
        { "demo --listen nowhere", ["--listen nowhere", "http://127.0.0.1:8400"] },
        { "status --control http://127.0.0.1:1", ["http://127.0.0.1:1", "mainstay serve"] },
        { "pause --control http://127.0.0.1:1 --state nowhere", ["nowhere", "--state"] },
        { "incident approve 1-1 --control http://127.0.0.1:1", ["token"] },
        { "incident show many", ["many", "a whole number", "--help"] },
    };

    [Theory]
    [MemberData(nameof(CommandLines))]
    public async Task A_mistake_on_the_command_line_is_named_with_its_cure(string line, string[] words)
    {
        using var folder = new ScenarioFolder();
        await File.WriteAllBytesAsync(Path.Combine(folder.Root, "garbage.model"), [.. Enumerable.Range(0, 2000).Select(i => (byte)(i * 7))]);
        await File.WriteAllBytesAsync(Path.Combine(folder.Root, "empty.model"), []);
        await File.WriteAllTextAsync(Path.Combine(folder.Root, "short.csv"), "TIMESTAMP,x\n2023-11-16 18:17:03.97,1\n");
        await File.WriteAllTextAsync(Path.Combine(folder.Root, "wrong.csv"), "TIMESTAMP,x\n2023-11-16 18:17:03.97,1\nyesterday,1\n");

        Refusal.AssertPlain(await MainstayProcess.RunAsync(folder.Root, line.Split(' ')), words);
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("check")]
    public async Task Five_mistakes_in_a_file_are_all_named_at_once_with_their_lines(string command)
    {
        using var folder = new ScenarioFolder();
        await File.WriteAllTextAsync(folder.Config, """
            version: 1
            remidies: act
            services:
              - name: moderation
                match: { path: moderation }
                servers:
                  - { url: "ftp://10.0.0.1", region: east }
                  - { url: "http://10.0.0.2:9000", region: west, rank: zero }
                timeouts: { connect: 5 parsecs }
            """);
        string[] arguments = command == "check" ? ["check", folder.Config] : [command, "-c", folder.Config];

        var ended = await MainstayProcess.RunAsync(folder.Root, arguments);

        Refusal.AssertPlain(ended, "remidies", "path", "ftp://10.0.0.1", "rank", "5 parsecs");
        var lines = ended.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, lines.Length);
        Assert.All([2, 5, 7, 8, 9], number => Assert.Contains(lines, l => l.Contains($"mainstay.yaml:{number}", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_control_listener_beyond_loopback_needs_tokens()
    {
        using var folder = new ScenarioFolder();
        var text = folder.Text([(new Uri("http://127.0.0.1:9"), "east")]);
        await File.WriteAllTextAsync(folder.Config, text.Replace(
            folder.Control.GetLeftPart(UriPartial.Authority), $"http://0.0.0.0:{folder.Control.Port}", StringComparison.Ordinal));
        Refusal.AssertPlain(
            await MainstayProcess.RunAsync(folder.Root, "serve", "-c", folder.Config), "control.listen", "control.tokens", "127.0.0.1", "mainstay.yaml:3");
    }

    [Theory]
    [InlineData("traffic")]
    [InlineData("control")]
    public async Task A_port_in_use_is_named(string which)
    {
        using var folder = new ScenarioFolder();
        folder.Write([(new Uri("http://127.0.0.1:9"), "east")]);
        var address = which == "traffic" ? folder.Traffic : folder.Control;
        using var holder = new TcpListener(IPAddress.Loopback, address.Port);
        holder.Start();

        var ended = await MainstayProcess.RunAsync(folder.Root, "serve", "-c", folder.Config);

        Refusal.AssertPlain(ended with { Errors = WithoutWarnings(ended.Errors) }, $"{which}.listen", address.GetLeftPart(UriPartial.Authority), "in use", "another port");
    }

    [Fact]
    public async Task A_port_in_use_is_named_by_a_model_server()
    {
        using var folder = new ScenarioFolder();
        var trained = await MainstayProcess.RunAsync(folder.Root, "model", "train", "--out", "m.model");
        Assert.True(trained.ExitCode == 0, trained.Everything);
        using var holder = new TcpListener(IPAddress.Loopback, folder.Traffic.Port);
        holder.Start();
        Refusal.AssertPlain(
            await MainstayProcess.RunAsync(folder.Root, "model", "serve", "--model", "m.model", "--listen", folder.Traffic.GetLeftPart(UriPartial.Authority)),
            "--listen", "in use", "another port");
    }

    private static string WithoutWarnings(string errors) =>
        string.Join('\n', errors.Split('\n').Where(l => !l.StartsWith("warning: ", StringComparison.Ordinal)));
}
