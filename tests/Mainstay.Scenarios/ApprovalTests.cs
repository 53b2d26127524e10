using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>One incident with a person in it, from the first sign to the review, as commands, webhook and files show it.</summary>
public sealed class ApprovalTests
{
    [Fact]
    public async Task A_region_is_drained_once_a_person_approves_and_people_are_told_all_of_it()
    {
        using var folder = new ScenarioFolder();
        await using var doomed = await ModelServer.StartNewAsync("east");
        await using var other = await ModelServer.StartNewAsync("west");
        var posts = 0;
        await using var receiver = new StubServer(_ => Task.FromResult((Interlocked.Increment(ref posts) == 1 ? 500 : 200, "{}")));
        folder.Write(
            [(doomed.Url, "east"), (other.Url, "west")], "propose",
            $"notify: [ {{ webhook: \"{receiver.Url}people\", secret_env: {StubServer.SecretName}, tell: all, limit: 1000/s }} ]");
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic, rate: 200);
        await instance.SeesTrafficAsync();

        await doomed.KillAsync();
        await instance.UntilAsync("a remedy that waits", s => RemedyStates(s).Contains("proposed"));
        var waiting = await instance.RunAsync("status");
        Assert.True(waiting.ExitCode == 0, waiting.Everything);
        Assert.Contains("Waits for approval: drain east of moderation. mainstay incident approve 1-1", waiting.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("drained", waiting.Output, StringComparison.Ordinal);

        var wrong = Path.Combine(folder.Root, "wrong-token");
        await File.WriteAllTextAsync(wrong, new string('x', 43));
        Refusal.AssertPlain(await instance.RunAsync("incident", "approve", "1-1", "--token-file", wrong), "token is not known");
        var approved = await instance.RunAsync("incident", "approve", "1-1", "--token-file", folder.Token, "--why", "I looked");
        Assert.True(approved.ExitCode == 0, approved.Everything);
        Assert.Contains("In force: drain east of moderation", approved.Output, StringComparison.Ordinal);
        Assert.Contains("drained", (await instance.RunAsync("status")).Output, StringComparison.Ordinal);

        await doomed.StartAsync();
        await instance.UntilAsync("a resolved incident", s => s.GetProperty("incidents").EnumerateArray().All(i => !i.GetProperty("open").GetBoolean()));
        await callers.StopAsync();
        Assert.Empty(callers.Failures);
        var review = await File.ReadAllTextAsync(Path.Combine(folder.State, "reviews", "incident-1.md"));
        Assert.Contains("east", review, StringComparison.Ordinal);
        Assert.Contains("approved by operator", review, StringComparison.Ordinal);

        await Patience.UntilAsync("the last message", () => receiver.Requests.Any(r => Kind(r) == "resolved"));
        AssertMessages([.. receiver.Requests]);
        await Patience.UntilAsync("the last fact", () => FactTable.Read(folder.Database).Any(f => f.Kind == "resolved"));
        var facts = FactTable.Read(folder.Database);
        FactTable.AssertWhole(facts);
        Assert.Contains(facts, f => f is { Kind: "order", Who: "operator" } && f.Text.Contains("I looked", StringComparison.Ordinal));
    }

    /// <summary>Every message is signed by Standard Webhooks; the first was refused once and came again under the same id.</summary>
    private static void AssertMessages(List<StubRequest> messages)
    {
        Assert.Equal(messages[0].Headers["webhook-id"], messages[1].Headers["webhook-id"]);
        Assert.Equal(messages.Count - 1, messages.Select(m => m.Headers["webhook-id"]).Distinct().Count());
        Assert.Equal("resolved", Kind(messages[^1]));
        Assert.Equal(["Detection", "Investigation", "Mitigation", "Recovery"], messages
            .Select(m => JsonSerializer.Deserialize<JsonElement>(m.Body).GetProperty("stage").GetString()).Distinct());
        Assert.All(messages, message =>
        {
            Assert.Equal("POST /people HTTP/1.1", message.First);
            var signed = $"{message.Headers["webhook-id"]}.{message.Headers["webhook-timestamp"]}.{message.Body}";
            var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(StubServer.Secret), Encoding.UTF8.GetBytes(signed));
            Assert.Equal("v1," + Convert.ToBase64String(signature), message.Headers["webhook-signature"]);
            var age = Patience.Clock.GetUtcNow().ToUnixTimeSeconds() - long.Parse(message.Headers["webhook-timestamp"], CultureInfo.InvariantCulture);
            Assert.InRange(age, 0, 300);
        });
    }

    private static string? Kind(StubRequest message) => JsonSerializer.Deserialize<JsonElement>(message.Body).GetProperty("kind").GetString();

    private static IEnumerable<string?> RemedyStates(JsonElement status) => status.GetProperty("incidents").EnumerateArray()
        .SelectMany(i => i.GetProperty("remedies").EnumerateArray()).Select(r => r.GetProperty("state").GetString());
}
