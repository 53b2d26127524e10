using System.Net;
using System.Net.Http.Json;
using Mainstay.Control.AiModels;
using Mainstay.Models;
using Xunit;

namespace Mainstay.Tests.Models;

public sealed class ModelHostTests
{
    private static readonly TextClassifier Classifier = TextTrainer.Train(ModerationCorpus.Load(), new TrainingOptions());

    [Fact]
    public async Task A_real_socket_answers_refuses_too_much_and_the_warm_up_leaves_no_trace()
    {
        await WarmUp.Run(new ModelEndpoints(Classifier, TimeProvider.System).Answer, ModelEndpoints.MaxBodyBytes, WarmUp.Predictions, TimeProvider.System, CancellationToken.None);
        await using var app = ModelHost.Build(new IPEndPoint(IPAddress.Loopback, 0), new ModelEndpoints(Classifier, TimeProvider.System).Answer, ModelEndpoints.MaxBodyBytes);
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(ModelHost.UrlOf(app)) };

        var metrics = await client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Contains("mainstay_model_request_seconds_count 0\n", metrics, StringComparison.Ordinal);
        var large = new { text = new string('x', ModelEndpoints.MaxBodyBytes - "{\"text\":\"\"}".Length) };
        Assert.Equal(HttpStatusCode.OK, await Post(client, large, chunked: false));
        Assert.Equal(HttpStatusCode.OK, await Post(client, large, chunked: true));
        var tooLarge = new { text = large.text + "x" };
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await Post(client, tooLarge, chunked: false));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await Post(client, tooLarge, chunked: true));
        await app.StopAsync();
    }

    private static async Task<HttpStatusCode> Post(HttpClient client, object body, bool chunked)
    {
        using var content = JsonContent.Create(body);
        if (!chunked) await content.LoadIntoBufferAsync();
        using var answer = await client.PostAsync(new Uri("/predict", UriKind.Relative), content);
        return answer.StatusCode;
    }
}
