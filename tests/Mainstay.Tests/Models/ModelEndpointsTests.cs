using System.Text;
using System.Text.Json;
using Mainstay.Control.AiModels;
using Mainstay.Models;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Mainstay.Tests.Models;

public sealed class ModelEndpointsTests
{
    private static readonly TextClassifier Classifier = TextTrainer.Train(ModerationCorpus.Load(), new TrainingOptions());
    private readonly ModelEndpoints _endpoints = new(Classifier, TimeProvider.System);

    [Fact]
    public async Task A_text_gets_its_label_score_and_model()
    {
        var (code, body) = await Ask("POST", "/predict", "{\"text\":\"you stupid idiot\"}");
        using var json = JsonDocument.Parse(body);
        Assert.Equal(200, code);
        Assert.Equal("toxic", json.RootElement.GetProperty("label").GetString());
        Assert.InRange(json.RootElement.GetProperty("score").GetDouble(), 0.5, 1);
        Assert.Equal(Classifier.Id, json.RootElement.GetProperty("model").GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"text\":null}")]
    [InlineData("{\"text\":5}")]
    [InlineData("{\"text\":\"\\ud800\"}")]
    [InlineData("{\"text\":\"a\"} more")]
    public async Task A_bad_body_is_refused_with_the_cure(string body)
    {
        var (code, answer) = await Ask("POST", "/predict", body);
        Assert.Equal(400, code);
        using var json = JsonDocument.Parse(answer);
        Assert.Contains("Send JSON like {\"text\": \"...\"}", json.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/predict", 405)]
    [InlineData("POST", "/health", 405)]
    [InlineData("GET", "/", 404)]
    [InlineData("GET", "/health", 200)]
    public async Task Paths_and_methods(string method, string path, int code) => Assert.Equal(code, (await Ask(method, path, "")).Code);

    [Fact]
    public async Task Metrics_count_by_code()
    {
        await Ask("POST", "/predict", "{\"text\":\"a\"}");
        await Ask("POST", "/predict", "{\"text\":\"b\"}");
        await Ask("POST", "/predict", "{");
        var (_, metrics) = await Ask("GET", "/metrics", "");
        Assert.Contains("mainstay_model_requests_total{code=\"200\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("mainstay_model_requests_total{code=\"400\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("mainstay_model_request_seconds_bucket{le=\"+Inf\"} 3\n", metrics, StringComparison.Ordinal);
        Assert.Contains("mainstay_model_requests_in_flight 1\n", metrics, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Body)> Ask(string method, string path, string body)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Path = path;
        context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        var answer = new MemoryStream();
        context.Response.Body = answer;
        await _endpoints.Answer(context);
        return (context.Response.StatusCode, Encoding.UTF8.GetString(answer.ToArray()));
    }
}
