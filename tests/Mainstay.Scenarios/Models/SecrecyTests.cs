using System.Text;

namespace Mainstay.Scenarios;

/// <summary>Keys of servers and callers, and what they say to each other: none of it stands in what the process writes or shows.</summary>
public sealed class SecrecyTests
{
    private const string Prompt = "a prompt that nobody else may read 5d1e";

    [Fact]
    public async Task Nothing_secret_is_written_or_shown()
    {
        // Providers repeat the key in their error, as some do.
        var leaky = new ProviderError(401, "authentication_error", $"Incorrect API key provided: {ModelHouse.ServerKey}. You can find your key at …") { Code = "invalid_api_key" };
        ProviderError[] errors = [leaky, leaky with { Status = 403 }, leaky with { Status = 400, Type = "invalid_request_error" }, leaky with { Status = 500 }, leaky with { Status = 429 }, leaky with { Status = 404 }];
        var models = new List<HouseModel>();
        foreach (var api in new[] { "openai", "anthropic" })
            for (var i = 0; i < errors.Length; i++)
            {
                models.Add(new HouseModel($"e{i}", api, [(new FakeProvider().Always(Fault.Of(errors[i])), ""), (new FakeProvider().Always(Fault.Of(errors[i])), "")]));
                models.Add(new HouseModel($"f{i}", api, [(new FakeProvider().Always(new Fault(FaultKind.ErrorMiddle) { Error = errors[i] }), ""), (new FakeProvider(), "")]));
            }
        await using var house = await ModelHouse.StartAsync(models);
        var shown = new StringBuilder();
        foreach (var model in models)
            foreach (var mode in CallerMode.All.Where(m => m.Api == model.Api))
            {
                var answer = await house.Caller.AskAsync(mode, model.Name, $",\"user\":\"{Prompt}\"").Patiently();
                shown.Append(answer.Body).AppendJoin('\n', answer.Headers.Select(h => $"{h.Key}: {h.Value}"));
            }
        var instance = new Instance(house.Folder);
        await instance.UntilAsync("a tick after the last request", _ => true);
        shown.Append(await instance.StatusAsync());
        foreach (var path in new[] { "/", "/api/incidents", "/api/decisions", "/metrics", "/api/journal", "/api/explain" })
            shown.Append(await GetAsync(house, path));
        shown.Append((await instance.RunAsync("status")).Everything);
        shown.Append((await instance.RunAsync("explain", "--last", "20")).Everything);
        shown.Append((await instance.RunAsync("audit")).Everything);
        house.Serve.Signal(SignalNumber.Terminate);
        var ended = await house.Serve.EndAsync(TimeSpan.FromSeconds(40));
        shown.Append(ended.Everything);

        AssertClean("what was shown", shown.ToString());
        foreach (var file in Directory.EnumerateFiles(house.Folder.Root, "*", SearchOption.AllDirectories))
            AssertClean(file, Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file)));
    }

    private static void AssertClean(string where, string text)
    {
        foreach (var secret in new[] { ModelHouse.ServerKey, ModelHouse.AwsSecret, ModelCaller.Key, Prompt, "Grüße0" })
        {
            // Callers do get their answers.
            if (secret == "Grüße0" && where == "what was shown")
                continue;
            var at = text.IndexOf(secret, StringComparison.Ordinal);
            Assert.True(at < 0, $"{secret} stands in {where}: {(at < 0 ? "" : text[Math.Max(0, at - 200)..Math.Min(text.Length, at + 100)])}");
        }
    }

    private static async Task<string> GetAsync(ModelHouse house, string path)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var answer = await http.GetAsync(new Uri(house.Folder.Control, path));
        return await answer.Content.ReadAsStringAsync();
    }
}
